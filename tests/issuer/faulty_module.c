/*
 * A PKCS #11 library that has faults on request; everything else is SoftHSM's.
 *
 * FAULTY_MODULE_REAL is the real library. FAULTY_MODULE_FOLDER is a folder: each call that
 * matters is a line of its file "calls", and its file "fault" may hold
 *
 *     <function> <action> [<number> [once]]
 *
 * return N   answers N instead of calling         sleep N   waits N seconds first
 * flip       changes a bit of what was signed      short     leaves out its last byte
 * other      signs something else                  die       ends the process
 * flags N    adds flags to those of the token    done N    calls, and answers N
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long num;
typedef unsigned char byte;
struct table {
    byte version[2];
    void *at[68];
};
enum { INITIALIZE = 0, GET_FUNCTION_LIST = 3, GET_TOKEN_INFO = 6, OPEN_SESSION = 12, LOGIN = 18, SIGN_INIT = 42, SIGN = 43, GENERATE_KEY_PAIR = 59 };
enum { FLAGS_AT = 96 };

static struct table real, ours;
static char action[32];
static num number;

static FILE *file(const char *name, const char *mode)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", getenv("FAULTY_MODULE_FOLDER"), name);
    return fopen(path, mode);
}

static void log_call(const char *word)
{
    FILE *calls = file("calls", "a");
    if (calls) {
        fprintf(calls, "%s\n", word);
        fclose(calls);
    }
}

/* Read what is to go wrong with this function; true if it is to answer `number`. */
static int fails(const char *function)
{
    char wanted[64] = "", once[8] = "", path[4096];
    FILE *fault = file("fault", "r");
    action[0] = 0;
    log_call(function);
    if (!fault)
        return 0;
    fscanf(fault, "%63s %31s %li %7s", wanted, action, (long *)&number, once);
    fclose(fault);
    if (strcmp(wanted, function)) {
        action[0] = 0;
        return 0;
    }
    if (!strcmp(once, "once")) {
        snprintf(path, sizeof path, "%s/fault", getenv("FAULTY_MODULE_FOLDER"));
        unlink(path);
    }
    if (!strcmp(action, "sleep")) {
        log_call("fault-seen");
        sleep(number);
        log_call("woke");
    }
    if (!strcmp(action, "die"))
        _exit(9);
    return !strcmp(action, "return");
}

static num initialize(void *arguments)
{
    return fails("C_Initialize") ? number : ((num(*)(void *))real.at[INITIALIZE])(arguments);
}

static num get_token_info(num slot, byte *info)
{
    if (fails("C_GetTokenInfo"))
        return number;
    num answer = ((num(*)(num, byte *))real.at[GET_TOKEN_INFO])(slot, info);
    if (!strcmp(action, "flags"))
        *(num *)(info + FLAGS_AT) |= number;
    return answer;
}

static num open_session(num slot, num flags, void *application, void *notify, num *session)
{
    if (fails("C_OpenSession"))
        return number;
    return ((num(*)(num, num, void *, void *, num *))real.at[OPEN_SESSION])(slot, flags, application, notify, session);
}

static num login(num session, num user, byte *pin, num size)
{
    if (fails("C_Login"))
        return number;
    return ((num(*)(num, num, byte *, num))real.at[LOGIN])(session, user, pin, size);
}

static num sign_init(num session, void *mechanism, num key)
{
    if (fails("C_SignInit"))
        return number;
    return ((num(*)(num, void *, num))real.at[SIGN_INIT])(session, mechanism, key);
}

static num sign(num session, byte *data, num size, byte *signature, num *length)
{
    byte other[64] = {0};
    action[0] = 0;
    if (signature && fails("C_Sign")) /* without, the caller asks how long it will be */
        return number;
    if (!strcmp(action, "other"))
        data = other;
    num answer = ((num(*)(num, byte *, num, byte *, num *))real.at[SIGN])(session, data, size, signature, length);
    if (!answer && signature && !strcmp(action, "flip"))
        signature[*length - 1] ^= 1;
    if (!answer && signature && !strcmp(action, "short"))
        --*length;
    return answer;
}

static num generate_key_pair(num session, void *mechanism, void *public, num publics, void *private, num privates,
                             num *public_key, num *private_key)
{
    if (fails("C_GenerateKeyPair"))
        return number;
    num answer = ((num(*)(num, void *, void *, num, void *, num, num *, num *))real.at[GENERATE_KEY_PAIR])(
        session, mechanism, public, publics, private, privates, public_key, private_key);
    return strcmp(action, "done") ? answer : number;
}

num C_GetFunctionList(struct table **list)
{
    struct table *theirs;
    void *library = dlopen(getenv("FAULTY_MODULE_REAL"), RTLD_NOW | RTLD_LOCAL);
    num (*get)(struct table **) = library ? dlsym(library, "C_GetFunctionList") : 0;
    if (!get || get(&theirs))
        return 5;
    real = ours = *theirs;
    ours.at[INITIALIZE] = initialize;
    ours.at[GET_FUNCTION_LIST] = C_GetFunctionList;
    ours.at[GET_TOKEN_INFO] = get_token_info;
    ours.at[OPEN_SESSION] = open_session;
    ours.at[LOGIN] = login;
    ours.at[SIGN_INIT] = sign_init;
    ours.at[SIGN] = sign;
    ours.at[GENERATE_KEY_PAIR] = generate_key_pair;
    *list = &ours;
    return 0;
}
