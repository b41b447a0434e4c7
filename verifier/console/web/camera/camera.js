/** The camera of this device: opened, closed, and what its driver lets be set. */

/** `why`: refused, absent, busy, or insecure where the browser gives a page no camera at all. */
export class NoCamera extends Error {
  name = "NoCamera";

  constructor(why) {
    super(why);
    this.why = why;
  }
}

/** What browsers call their refusals. */
const WHY = {
  NotAllowedError: "refused", SecurityError: "refused", NotFoundError: "absent", OverconstrainedError: "absent",
  NotReadableError: "busy", AbortError: "busy",
};
/** Dense codes need pixels: what a camera has, up to this. */
const WIDTH = 1920;
const HEIGHT = 1080;

export class Camera {
  #stream = null;
  #track = null;
  #onend;

  /**
   * @param {HTMLVideoElement} video Where it is seen.
   * @param {() => void} onend Called when it was unplugged, or the browser has taken it away.
   */
  constructor(video, onend) {
    this.video = video;
    this.#onend = onend;
  }

  get isOpen() {
    return this.#track?.readyState === "live";
  }

  /**
   * @param {"environment" | "user"} facing Which way it is to look.
   * @throws {NoCamera} There is none for this page.
   */
  async open(facing) {
    this.close();
    if (!navigator.mediaDevices?.getUserMedia) throw new NoCamera("insecure");
    const wanted = { facingMode: { ideal: facing }, width: { ideal: WIDTH }, height: { ideal: HEIGHT }, frameRate: { ideal: 30 } };
    try {
      this.#stream = await navigator.mediaDevices.getUserMedia({ audio: false, video: wanted });
      [this.#track] = this.#stream.getVideoTracks();
      this.#track.addEventListener("ended", this.#ended);
      this.video.srcObject = this.#stream;
      await this.video.play();
    } catch (error) {
      this.close();
      throw new NoCamera(WHY[error.name] ?? "busy");
    }
  }

  #ended = () => {
    this.close();
    this.#onend();
  };

  close() {
    this.#track?.removeEventListener("ended", this.#ended);
    for (const track of this.#stream?.getTracks() ?? []) track.stop();
    this.#stream = this.#track = null;
    this.video.srcObject = null;
  }

  /** @returns {{torch: boolean, zoom: {min: number, max: number, step: number} | null, focus: boolean}} What can be set. */
  get abilities() {
    const can = this.#track?.getCapabilities?.() ?? {};
    const zoom = can.zoom && can.zoom.max > can.zoom.min ? can.zoom : null;
    return { torch: can.torch === true, zoom, focus: Boolean(can.focusMode?.some((mode) => FOCUS.includes(mode))) };
  }

  /** Which way the camera looks that was found; null where it does not say. */
  get facing() {
    return this.#track?.getSettings().facingMode ?? null;
  }

  torch(isOn) {
    return this.#set({ torch: isOn });
  }

  zoom(factor) {
    return this.#set({ zoom: factor });
  }

  async refocus() {
    const modes = this.#track?.getCapabilities?.().focusMode ?? [];
    for (const mode of FOCUS) if (modes.includes(mode)) await this.#set({ focusMode: mode });
  }

  /** What a driver promised and then refuses is no reason to stop scanning. */
  async #set(wish) {
    try {
      await this.#track?.applyConstraints({ advanced: [wish] });
      return true;
    } catch (error) {
      console.warn(error.name);
      return false;
    }
  }
}

/** Once, and then for ever again. */
const FOCUS = ["single-shot", "continuous"];
