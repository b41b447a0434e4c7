/**
 * A wallet made of other people's libraries takes a card from our server, and checks what it got.
 *
 * It reads one JSON object from standard input: `now` (what time it is, in seconds since 1970), `offer` (a link),
 * `txCode`, `issuerKey` and `statusKey` (public JWKs), `statusList` (a token).  It prints one line for each step, and
 * last a JSON object.
 */

import { randomBytes, webcrypto } from "node:crypto";
import { clientAuthenticationAnonymous, setGlobalConfig } from "@openid4vc/oauth2";
import { Openid4vciClient, setGlobalConfig as setConfig } from "@openid4vc/openid4vci";
import { SDJwtVcInstance } from "@sd-jwt/sd-jwt-vc";
import { P256, base64url, hash, readTask, signES256, verifies } from "./common.mjs";

const { subtle } = webcrypto;

const given = await readTask();
// The test's server is on this machine, without a certificate.
for (const set of [setGlobalConfig, setConfig]) set({ allowInsecureUrls: true });

const tokenKey = await makeKey();
const holderKey = await makeKey();
const client = new Openid4vciClient({
  callbacks: {
    clientAuthentication: clientAuthenticationAnonymous(),
    fetch: (url, options) => fetch(url, options),
    generateRandom: (bytes) => randomBytes(bytes),
    hash,
    signJwt: sign,
  },
});

console.log(JSON.stringify(await run()));

async function run() {
  const credentialOffer = await client.resolveCredentialOffer(given.offer);
  const issuerMetadata = await client.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const [configuration] = credentialOffer.credential_configuration_ids;
  const taken = await client.retrievePreAuthorizedCodeAccessTokenFromOffer({
    credentialOffer, issuerMetadata, txCode: given.txCode, dpop: { signer: signerOf(tokenKey) },
  });
  const access = { accessToken: taken.accessTokenResponse.access_token, dpop: taken.dpop, issuerMetadata };
  const { c_nonce: nonce } = await client.requestNonce({ issuerMetadata });
  const { jwt } = await client.createCredentialRequestJwtProof({
    issuerMetadata, credentialConfigurationId: configuration, nonce, signer: signerOf(holderKey),
    issuedAt: new Date(),
  });
  const first = await client.retrieveCredentials({
    ...access, credentialConfigurationId: configuration, proofs: { jwt: [jwt] },
  });
  const { response, deferrals } = await ready(first.credentialResponse, access);
  const credential = response.credentials[0].credential;
  if (response.notification_id) {
    await client.sendNotification({
      ...access, notification: { notificationId: response.notification_id, event: "credential_accepted" },
    });
  }
  return {
    tokenType: taken.accessTokenResponse.token_type, deferrals, credential, told: Boolean(response.notification_id),
    draft: issuerMetadata.originalDraftVersion, ...(await checked(credential)),
  };
}

async function ready(answer, access) {
  let [response, deferrals] = [answer, 0];
  while (!response.credentials) {
    console.log("deferred");
    deferrals += 1;
    await new Promise((done) => setTimeout(done, 200));
    const again = await client.retrieveDeferredCredentials({ ...access, transactionId: answer.transaction_id });
    response = again.deferredCredentialResponse;
  }
  return { response, deferrals };
}

/** Verify what came: signature, times, status; and that a presentation of it is bound to this wallet's key. */
async function checked(credential) {
  const library = new SDJwtVcInstance({
    hasher: hash,
    hashAlg: "sha-256",
    kbSignAlg: "ES256",
    kbSigner: (data) => signES256(holderKey.privateKey, data),
    kbVerifier: async (data, signature, { cnf }) => verifies(cnf.jwk, data, signature),
    statusListFetcher: async () => given.statusList,
    statusVerifier: async (data, signature) => verifies(given.statusKey, data, signature),
    verifier: async (data, signature) => verifies(given.issuerKey, data, signature),
  });
  const asked = { aud: "https://airline.example", iat: given.now, nonce: "abc" };
  const shown = await library.present(credential, undefined, { kb: { payload: asked } });
  const { payload, kb } = await library.verify(shown, {
    currentDate: given.now, keyBindingNonce: asked.nonce, requiredClaimKeys: ["vct", "cnf", "status"],
  });
  return { claims: payload, binding: kb.payload };
}

async function sign(signer, { header, payload }) {
  const pair = [tokenKey, holderKey].find(({ jwk }) => jwk.x === signer.publicJwk.x);
  const input = [header, payload].map((part) => base64url(JSON.stringify(part))).join(".");
  return { jwt: `${input}.${await signES256(pair.privateKey, input)}`, signerJwk: pair.jwk };
}

function signerOf({ jwk }) {
  return { method: "jwk", alg: "ES256", publicJwk: jwk };
}

async function makeKey() {
  const { privateKey, publicKey } = await subtle.generateKey(P256, false, ["sign"]);
  const { crv, kty, x, y } = await subtle.exportKey("jwk", publicKey);
  return { privateKey, jwk: { kty, crv, x, y } };
}
