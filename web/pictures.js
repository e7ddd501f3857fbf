/** Pictures of one's own: what they are, made smaller where that loses nothing, and sent. */

import { Failure } from "./failure.js";

const SHRUNK_ABOVE_BYTES = 1_000_000;
const LONGEST_SIDE = 1600;
const PREVIEW_SIDE = 96;

const BRANDS = {
  avif: "image/avif",
  avis: "image/avif",
  heic: "image/heic",
  heix: "image/heic",
  heim: "image/heic",
  heis: "image/heic",
  hevc: "image/heic",
  hevx: "image/heic",
  mif1: "image/heic",
  msf1: "image/heic",
};

/** Return the type that a file's first bytes tell; throws Failure for what is no picture. */
export async function typeOf(blob) {
  const head = String.fromCharCode(...new Uint8Array(await blob.slice(0, 12).arrayBuffer()));
  if (head === "") throw new Failure("picture_empty");
  if (head.startsWith("\xff\xd8\xff")) return "image/jpeg";
  if (head.startsWith("\x89PNG")) return "image/png";
  if (head.startsWith("GIF8")) return "image/gif";
  if (head.startsWith("BM")) return "image/bmp";
  if (head.startsWith("II*\0") || head.startsWith("MM\0*")) return "image/tiff";
  if (head.startsWith("RIFF") && head.slice(8) === "WEBP") return "image/webp";
  const brand = head.slice(4, 8) === "ftyp" ? BRANDS[head.slice(8)] : undefined;
  if (!brand) throw new Failure("picture_unsupported_format");
  return brand;
}

/** Send a picture to be searched by, for a day; return what the API calls it. */
export async function uploadForQuery(api, blob, options) {
  const type = await typeOf(blob);
  const sent = blob.size > SHRUNK_ABOVE_BYTES ? await shrunk(blob) : blob;
  const asked = { purpose: "query", content_type: sent === blob ? type : "image/jpeg", size: sent.size };
  const form = await api.ask("POST", "uploads", { body: asked, ...options });
  await sendForm(form, sent, options);
  return form.upload;
}

/** Put a picture into the library; return the ETag that the bucket gave it, or null where it says none. */
export async function uploadForLibrary(api, blob, key, options) {
  const asked = { purpose: "library", content_type: await typeOf(blob), size: blob.size, key };
  return sendForm(await api.ask("POST", "uploads", { body: asked, ...options }), blob, options);
}

/** Send the form of an upload; `onProgress` hears of the share that is sent. */
function sendForm(form, blob, { signal, onProgress = () => {} } = {}) {
  signal?.throwIfAborted();
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const data = new FormData();
    for (const [name, value] of Object.entries(form.fields)) data.append(name, value);
    data.append("file", blob);
    request.upload.addEventListener("progress", (event) => onProgress(event.loaded / event.total));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(request.getResponseHeader("etag")?.replaceAll('"', "") ?? null);
      else
        reject(new Failure(request.status === 413 ? "source_too_large" : "upload_refused", { status: request.status }));
    });
    request.addEventListener("error", () => reject(new Failure(navigator.onLine ? "bucket_unreachable" : "offline")));
    request.addEventListener("abort", () => reject(signal.reason));
    signal?.addEventListener("abort", () => request.abort(), { once: true });
    request.open("POST", form.url);
    request.send(data);
  });
}

/** Return a large picture with fewer pixels, more than any model looks at; one that cannot be read, as it is. */
async function shrunk(blob) {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  return bitmap ? drawn(bitmap, { longest: LONGEST_SIDE }) : blob;
}

/** Return a part {x, y, width, height}, each 0 to 1, of a picture as a JPEG; throws Failure. */
export async function cropped(blob, part) {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  if (!bitmap) throw new Failure("picture_unreadable");
  return drawn(bitmap, { part, longest: LONGEST_SIDE });
}

/** Return a picture as an address that holds it, small enough to be kept; null for what cannot be shown. */
export async function previewOf(blob) {
  const bitmap = await createImageBitmap(blob).catch(() => null);
  return bitmap && canvasOf(bitmap, { longest: PREVIEW_SIDE }).toDataURL("image/jpeg", 0.7);
}

function drawn(bitmap, how) {
  return new Promise((resolve) => canvasOf(bitmap, how).toBlob(resolve, "image/jpeg", 0.92));
}

function canvasOf(bitmap, { part = { x: 0, y: 0, width: 1, height: 1 }, longest }) {
  const [width, height] = [part.width * bitmap.width, part.height * bitmap.height];
  const scale = Math.min(1, longest / Math.max(width, height));
  const canvas = document.createElement("canvas");
  canvas.width = Math.max(1, Math.round(width * scale));
  canvas.height = Math.max(1, Math.round(height * scale));
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // what is transparent would be black in a JPEG
  context.fillRect(0, 0, canvas.width, canvas.height);
  const source = [part.x * bitmap.width, part.y * bitmap.height, width, height];
  context.drawImage(bitmap, ...source, 0, 0, canvas.width, canvas.height);
  return canvas;
}
