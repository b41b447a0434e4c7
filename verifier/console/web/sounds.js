/**
 * What a verdict sounds like.  Each look has a sound that the ear tells from the others by its shape, not by its pitch:
 * one rises, one is two level tones, one is three slow low ones, one falls for long, and one is silence.
 */

/** Fractions of full scale; above, small speakers rattle. */
const PEAK = 0.6;
/** Seconds in which a tone begins and ends, so that neither clicks. */
const EDGE = 0.012;
/** From and to, in hertz; seconds of it, and of the silence behind it. */
const TONES = Object.freeze({
  accepted: [{ from: 620, to: 1240, lasts: 0.3, rests: 0 }],
  genuine: [{ from: 740, to: 740, lasts: 0.14, rests: 0.08 }, { from: 740, to: 740, lasts: 0.14, rests: 0 }],
  by_hand: [
    { from: 330, to: 330, lasts: 0.22, rests: 0.16 }, { from: 330, to: 330, lasts: 0.22, rests: 0.16 },
    { from: 330, to: 330, lasts: 0.22, rests: 0 },
  ],
  refused: [{ from: 880, to: 220, lasts: 0.95, rests: 0 }],
  not_live: [],
});
/** Milliseconds that the device shakes, rests, shakes. */
const SHAKES = Object.freeze({ accepted: [70], genuine: [], by_hand: [120, 90, 120], refused: [600], not_live: [15] });

/**
 * @param {string} look One of the five.
 * @param {number} rate Samples a second.
 * @returns {Float32Array} The sound, between -1 and 1; empty for silence.
 */
export function samples(look, rate) {
  const parts = TONES[look].map((tone) => toneOf(tone, rate));
  const whole = new Float32Array(parts.reduce((length, part) => length + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

function toneOf({ from, to, lasts, rests }, rate) {
  const length = Math.round(lasts * rate);
  const tone = new Float32Array(length + Math.round(rests * rate));
  let phase = 0;
  for (let at = 0; at < length; at++) {
    const left = Math.min(at, length - 1 - at) / rate;
    // The third harmonic makes it carry in a noisy hall, on a speaker that has no bass.
    tone[at] = PEAK * Math.min(1, left / EDGE) * (0.8 * Math.sin(phase) + 0.2 * Math.sin(3 * phase));
    phase += (2 * Math.PI * from * (to / from) ** (at / length)) / rate;
  }
  return tone;
}

export class Sounds {
  #settings;
  #context = null;
  #playing = null;

  constructor(settings) {
    this.#settings = settings;
  }

  /** Browsers let a page sound only after somebody has touched it. */
  wake() {
    this.#context ??= new AudioContext();
    if (this.#context.state === "suspended") this.#context.resume().catch((error) => console.warn(error));
  }

  /** Sound and shake for a look; only ever called once its verdict is on the screen. */
  play(look) {
    if (SHAKES[look].length) navigator.vibrate?.(SHAKES[look]);
    if (!this.#settings.get("muted")) this.#sound(look);
  }

  #sound(look) {
    this.wake();
    const context = this.#context;
    const made = samples(look, context.sampleRate);
    this.#playing?.stop();
    this.#playing = null;
    if (made.length === 0) return;
    const buffer = context.createBuffer(1, made.length, context.sampleRate);
    buffer.copyToChannel(made, 0);
    const [source, gain] = [context.createBufferSource(), context.createGain()];
    source.buffer = buffer;
    // The ear hears ratios: half of the slider is to sound like half.
    gain.gain.value = this.#settings.get("volume") ** 2;
    source.connect(gain).connect(context.destination);
    source.start();
    this.#playing = source;
  }
}
