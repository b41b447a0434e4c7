/** Pictures of the camera, and of files that the holder chooses: looked at on this phone, never kept or sent. */

/** Pixels a side of what is looked at: enough for a code that fills a third of it. */
const SIDE = 720;
/** Longest sides at which a picture of a file is tried: most are read at the first, small codes at the second. */
const SIDES = [1_280, 2_560];
/** Milliseconds between looks. */
const LOOK = 100;
const WANTED = { audio: false, video: { facingMode: { ideal: "environment" }, width: { ideal: 1_280 }, height: { ideal: 720 } } };

/** There is no camera, or the page may not use it. */
export class NoCamera extends Error {
  /** @param {unknown} cause What the browser said. */
  constructor(cause) {
    super("no camera", { cause });
    this.name = "NoCamera";
  }
}

export class Camera {
  #video;
  #stream = null;
  #turn = 0;

  /** @param {HTMLVideoElement} video In which its picture is shown, as a square. */
  constructor(video) {
    this.#video = video;
    video.muted = true;
  }

  /**
   * Show what the camera sees.
   *
   * @param {() => void} onend Called when the camera goes away by itself.
   * @returns {Promise<boolean>} Whether it is on; false where it was stopped meanwhile.
   * @throws {NoCamera} There is none, it is in use, or the holder or the browser refuses.
   */
  async start(onend) {
    this.stop();
    const turn = this.#turn;
    try {
      const stream = await navigator.mediaDevices.getUserMedia(WANTED);
      if (turn !== this.#turn) return end(stream);
      this.#stream = stream;
      for (const track of stream.getTracks()) track.addEventListener("ended", onend);
      this.#video.srcObject = stream;
      await this.#video.play();
    } catch (error) {
      if (turn !== this.#turn) return false;
      this.stop();
      throw new NoCamera(error);
    }
    return turn === this.#turn;
  }

  /** Let go of the camera; its light goes out. */
  stop() {
    this.#turn++;
    if (this.#stream) end(this.#stream);
    this.#stream = null;
    this.#video.srcObject = null;
  }

  /**
   * Look again and again until the camera is stopped.
   *
   * @param {(image: ImageData) => Promise<void>} look At the middle of each picture.
   */
  async watch(look) {
    const turn = this.#turn;
    const canvas = document.createElement("canvas");
    while (turn === this.#turn) {
      const image = middleOf(this.#video, canvas);
      if (image) await look(image);
      await new Promise((resolve) => setTimeout(resolve, LOOK));
    }
  }
}

function end(stream) {
  for (const track of stream.getTracks()) track.stop();
  return false;
}

/** @returns {ImageData | null} The square that is shown; null before the first picture. */
function middleOf(video, canvas) {
  const { videoWidth: width, videoHeight: height } = video;
  const whole = Math.min(width, height);
  if (whole === 0) return null;
  const side = Math.min(whole, SIDE);
  const context = contextOf(canvas, side, side);
  context.drawImage(video, (width - whole) / 2, (height - whole) / 2, whole, whole, 0, 0, side, side);
  return context.getImageData(0, 0, side, side);
}

/**
 * @param {Blob} file A picture, as the holder chose it.
 * @returns {AsyncGenerator<ImageData>} The picture at sizes at which its codes may be read; nothing where it is no picture.
 */
export async function* picturesOf(file) {
  const picture = await createImageBitmap(file).catch(() => null);
  if (picture === null) return;
  try {
    const longest = Math.max(picture.width, picture.height);
    const canvas = document.createElement("canvas");
    for (const [at, side] of SIDES.entries()) {
      if (at > 0 && longest <= SIDES[at - 1]) break;
      yield shrunk(picture, canvas, Math.min(1, side / longest));
    }
  } finally {
    picture.close();
  }
}

function shrunk(picture, canvas, scale) {
  const [width, height] = [picture.width, picture.height].map((each) => Math.max(1, Math.round(each * scale)));
  const context = contextOf(canvas, width, height);
  context.drawImage(picture, 0, 0, width, height);
  return context.getImageData(0, 0, width, height);
}

function contextOf(canvas, width, height) {
  canvas.width = width;
  canvas.height = height;
  return canvas.getContext("2d", { alpha: false, willReadFrequently: true });
}
