// Passkeys: the one thing here that a page cannot do without a script.
"use strict";

(() => {
  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) =>
    btoa(String.fromCharCode(...new Uint8Array(buffer)))
      .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const named = (list) => (list || []).map((each) => ({ ...each, id: bytes(each.id) }));

  const ask = {
    make: (question) => navigator.credentials.create({
      publicKey: {
        ...question,
        challenge: bytes(question.challenge),
        user: { ...question.user, id: bytes(question.user.id) },
        excludeCredentials: named(question.excludeCredentials),
      },
    }),
    show: (question) => navigator.credentials.get({
      publicKey: {
        ...question,
        challenge: bytes(question.challenge),
        allowCredentials: named(question.allowCredentials),
      },
    }),
  };

  const answer = (credential) => {
    const given = credential.response;
    const response = { clientDataJSON: text(given.clientDataJSON) };
    for (const part of ["attestationObject", "authenticatorData", "signature", "userHandle"]) {
      if (given[part]) response[part] = text(given[part]);
    }
    return JSON.stringify({
      id: credential.id, rawId: text(credential.rawId), type: credential.type, response,
    });
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const told = form.querySelector("[data-told]");
    if (!window.PublicKeyCredential) {
      told.textContent = "This browser has no passkeys.";
      form.querySelector("button").disabled = true;
      continue;
    }
    told.textContent = "";
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      told.textContent = "Follow what your device asks.";
      try {
        const question = JSON.parse(form.dataset.question);
        form.elements.passkey.value = answer(await ask[form.dataset.passkey](question));
        HTMLFormElement.prototype.submit.call(form);
      } catch (error) {
        told.textContent = error.name === "InvalidStateError"
          ? "This device has a passkey for you already."
          : "Nothing was done. Try again, or use another way.";
      }
    });
  }
})();
