/**
 * A wallet made of other people's libraries shows a card to our desk.
 *
 * It reads one JSON object from standard input: `now`, `link` (as on the desk's screen), `root` (PEM: whose word is taken
 * on who asks), `credential` and `holderKey` (a private JWK), `shows` (another nonce or audience than was asked for).  It
 * prints a JSON object.
 */

import { X509Certificate, verify, webcrypto } from "node:crypto";
import { setGlobalConfig } from "@openid4vc/oauth2";
import { Openid4vpClient } from "@openid4vc/openid4vp";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import { DcqlPresentationResult, DcqlQuery } from "dcql";
import { CompactEncrypt, base64url, importJWK } from "jose";
import { P256, hash, readTask, signES256 } from "./common.mjs";

const given = await readTask();
// The test's desk is on this machine, without a certificate for it.
setGlobalConfig({ allowInsecureUrls: true });

const holderKey = await webcrypto.subtle.importKey("jwk", given.holderKey, P256, false, ["sign"]);
const client = new Openid4vpClient({
  callbacks: {
    encryptJwe,
    fetch: (url, options) => fetch(url, options),
    getX509CertificateMetadata: namesIn,
    hash,
    verifyJwt,
  },
});

/** How this wallet encrypts where it is asked to. */
const ENCRYPTS = {
  encryption: { nonce: "a nonce of this wallet" },
  serverMetadata: {
    authorization_encryption_alg_values_supported: ["ECDH-ES"],
    authorization_encryption_enc_values_supported: ["A128GCM", "A256GCM"],
  },
};

console.log(JSON.stringify(await run()));

async function run() {
  const parsed = client.parseOpenid4vpAuthorizationRequest({ authorizationRequest: given.link });
  const resolved = await client.resolveOpenId4vpAuthorizationRequest({
    authorizationRequestPayload: parsed.params, responseMode: { type: "direct_post" },
  });
  const { authorizationRequestPayload, client: desk } = resolved;
  const { id, satisfied } = await matching(resolved.dcql.query);
  const asked = { aud: desk.effective, iat: given.now, nonce: authorizationRequestPayload.nonce, ...given.shows };
  const shown = await sdJwt().present(given.credential, undefined, { kb: { payload: asked } });
  const { authorizationResponsePayload, jarm } = await client.createOpenid4vpAuthorizationResponse({
    authorizationRequestPayload, authorizationResponsePayload: { vp_token: { [id]: [shown] } },
    jarm: authorizationRequestPayload.response_mode === "direct_post.jwt" ? ENCRYPTS : undefined,
  });
  const { response } = await client.submitOpenid4vpAuthorizationResponse({
    authorizationRequestPayload, authorizationResponsePayload, jarm,
  });
  return {
    type: parsed.type, version: resolved.version, prefix: desk.prefix, clientId: desk.effective, satisfied,
    signed: resolved.jar.signer.method, mode: authorizationRequestPayload.response_mode, status: response.status, answer: await response.json(),
  };
}

/** Let the library for questions say which one the card answers, and that what is shown is an answer to it. */
async function matching(asked) {
  const query = DcqlQuery.parse(asked);
  DcqlQuery.validate(query);
  const claims = await sdJwt().getClaims(given.credential);
  const card = { credential_format: "dc+sd-jwt", vct: claims.vct, claims, cryptographic_holder_binding: true };
  const [{ id }] = query.credentials;
  const held = DcqlQuery.query(query, [card]).can_be_satisfied;
  const result = DcqlPresentationResult.fromDcqlPresentation({ [id]: [card] }, { dcqlQuery: query });
  return { id, satisfied: held && result.can_be_satisfied };
}

async function encryptJwe({ alg, apu, apv, enc, publicJwk }, text) {
  const parties = { apu: apu && base64url.decode(apu), apv: apv && base64url.decode(apv) };
  const jwe = await new CompactEncrypt(new TextEncoder().encode(text))
    .setProtectedHeader({ alg, enc, kid: publicJwk.kid })
    .setKeyManagementParameters(parties)
    .encrypt(await importJWK(publicJwk, alg));
  return { encryptionJwk: publicJwk, jwe };
}

function sdJwt() {
  return new SDJwtVcInstance({
    hasher: hash, hashAlg: "sha-256", kbSignAlg: "ES256", kbSigner: (data) => signES256(holderKey, data),
  });
}

async function verifyJwt(signer, { compact }) {
  const [leaf] = signer.x5c.map((each) => new X509Certificate(Buffer.from(each, "base64")));
  const root = new X509Certificate(given.root);
  const [input, signature] = [compact.slice(0, compact.lastIndexOf(".")), compact.slice(compact.lastIndexOf(".") + 1)];
  const key = { dsaEncoding: "ieee-p1363", key: leaf.publicKey };
  const verified = leaf.checkIssued(root) && leaf.verify(root.publicKey)
    && verify("sha256", Buffer.from(input), key, Buffer.from(signature, "base64url"));
  return { verified, signerJwk: leaf.publicKey.export({ format: "jwk" }) };
}

function namesIn() {
  return { sanDnsNames: [], sanUriNames: [] };
}
