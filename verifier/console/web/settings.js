/** What this browser remembers: how the device is used, and nothing about travellers. */

const PLACE = "abtc-console";
const DEFAULTS = Object.freeze({
  languages: {}, facing: "environment", torch: false, zoom: null, volume: 0.7, muted: false,
  imager: "none", end: "Enter", camera: true, officer: "", lane: "", direction: "entry",
});

export class Settings {
  #kept;

  constructor() {
    this.#kept = { ...DEFAULTS, ...read() };
  }

  get(name) {
    return this.#kept[name];
  }

  /** Remember; where the browser keeps nothing, until the page is closed. */
  put(changes) {
    Object.assign(this.#kept, changes);
    try {
      localStorage.setItem(PLACE, JSON.stringify(this.#kept));
    } catch (error) {
      console.warn(error);
    }
  }
}

function read() {
  try {
    const kept = JSON.parse(localStorage.getItem(PLACE) ?? "{}");
    return kept !== null && typeof kept === "object" ? kept : {};
  } catch {
    return {};
  }
}
