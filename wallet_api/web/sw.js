/**
 * The wallet without network: its files are kept whole, one version at a time.
 *
 * The server puts one line before this file: `const WALLET = {"version": "…", "files": ["app.js", …]};`.  The version is
 * a digest of all files, and every file has it in its address, so that files of two versions never meet on one page.
 * Answers of the API are neither kept nor touched.
 */
/* global WALLET */

const NAME = `abtc-wallet-${WALLET.version}`;
const HOME = new URL("./", location.href).href;
const FILES = `${HOME}${WALLET.version}/`;
const WORDS = /^words\/[A-Za-z-]+\.json$/;
/** Caches that stay: this one, and the one that a page which is still open may have begun with. */
const KEPT = 2;

addEventListener("install", (event) => event.waitUntil(install()));
addEventListener("activate", (event) => event.waitUntil(activate()));
addEventListener("fetch", (event) => {
  const answer = event.request.method === "GET" ? answerOf(event.request) : null;
  if (answer) event.respondWith(answer);
});

async function install() {
  const cache = await caches.open(NAME);
  const page = await fetch(HOME, { cache: "no-store" });
  // A page of another version would ask for files that this one does not have: the browser tries again later.
  if (!page.ok || !(await page.clone().text()).includes(`"${WALLET.version}/`)) throw new Error("another version");
  const paths = [...WALLET.files, ...(await languages())];
  await Promise.all(paths.map(async (path) => {
    const response = await fetch(FILES + path);
    if (!response.ok) throw new Error(path);
    await cache.put(FILES + path, response);
  }));
  await cache.put(HOME, page);
  await skipWaiting();
}

/** Texts of the languages in use: the one that the page named when it began, and those of the version before. */
async function languages() {
  const found = new Set();
  for (const name of await caches.keys()) {
    for (const { url } of await (await caches.open(name)).keys()) found.add(url.split("/").slice(-2).join("/"));
  }
  found.add(`words/${new URL(location.href).searchParams.get("language")}.json`);
  return [...found].filter((path) => WORDS.test(path));
}

async function activate() {
  const names = (await caches.keys()).filter((name) => name.startsWith("abtc-wallet-") && name !== NAME);
  await Promise.all(names.slice(0, Math.max(0, names.length - (KEPT - 1))).map((name) => caches.delete(name)));
  await clients.claim();
}

function answerOf(request) {
  if (request.mode === "navigate" && request.url.split(/[?#]/)[0] === HOME) return kept(HOME, request);
  if (request.url.startsWith(HOME) && request.url !== HOME) return kept(request.url, request);
  return null;
}

async function kept(address, request) {
  const found = await caches.match(address);
  if (found) return found;
  const response = await fetch(request);
  if (response.ok && address.startsWith(FILES) && WORDS.test(address.slice(FILES.length))) {
    await (await caches.open(NAME)).put(address, response.clone());
  }
  return response;
}
