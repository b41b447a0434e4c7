// Tests the check digits of a passport's lines as they are typed. Everything works without it: the server tests them again.
"use strict";

(() => {
  const lines = document.getElementById("passport_mrz");
  const told = document.getElementById("digits");
  if (!lines || !told) return;
  const value = (sign) => (sign === "<" ? 0 : parseInt(sign, 36));
  const digit = (field) => String([...field].reduce((sum, sign, place) => sum + value(sign) * [7, 3, 1][place % 3], 0) % 10);
  const parts = {
    number: (line) => [line.slice(0, 9), line[9]],
    birth: (line) => [line.slice(13, 19), line[19]],
    expiry: (line) => [line.slice(21, 27), line[27]],
    whole: (line) => [line.slice(0, 10) + line.slice(13, 20) + line.slice(21, 43), line[43]],
  };
  const say = (text, look) => {
    const item = document.createElement("li");
    item.textContent = text;
    item.className = `badge ${look}`;
    return item;
  };
  let waits = 0;
  const test = () => {
    const typed = lines.value.toUpperCase().split("\n").map((line) => line.replace(/\s/g, "")).filter(Boolean);
    told.replaceChildren();
    if (typed.length !== 2 || typed[1].length !== 44 || !/^[A-Z0-9<]+$/.test(typed[1])) {
      if (typed.length) told.append(say(told.dataset.length, "quiet"));
      return;
    }
    for (const [name, part] of Object.entries(parts)) {
      const [field, found] = part(typed[1]);
      const right = digit(field) === found;
      told.append(say(`${told.dataset[name]}: ${right ? told.dataset.right : told.dataset.wrong}`, right ? "good" : "stop"));
    }
  };
  lines.addEventListener("input", () => { clearTimeout(waits); waits = setTimeout(test, 300); });
  if (lines.value) test();
})();
