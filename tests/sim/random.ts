/** Chance that a seed decides: xoshiro128** with its state filled by splitmix32. Nothing here may use Math.random. */
export class Random {
  readonly #state: Uint32Array;

  constructor(seed: number) {
    let filling = seed >>> 0;
    this.#state = Uint32Array.from({ length: 4 }, () => {
      filling = (filling + 0x9e3779b9) >>> 0;
      let mixed = Math.imul(filling ^ (filling >>> 16), 0x21f0aaad);
      mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97);
      return (mixed ^ (mixed >>> 15)) >>> 0;
    });
  }

  /** A source of its own, so that what one part draws does not shift what another gets. */
  fork(): Random {
    return new Random(this.#next());
  }

  /** From 0 to below 1. */
  readonly float = (): number => this.#next() / 2 ** 32;

  /** A whole number from `from` to `to`, both included. */
  between(from: number, to: number): number {
    return from + Math.floor(this.float() * (to - from + 1));
  }

  chance(probability: number): boolean {
    return this.float() < probability;
  }

  pick<T>(from: readonly T[]): T {
    const picked = from[this.between(0, from.length - 1)];
    if (picked === undefined) throw new Error("nothing to pick from");
    return picked;
  }

  bytes(count: number): Buffer {
    return Buffer.from(Array.from({ length: count }, () => this.#next() & 0xff));
  }

  /** A UUID, version 4, of any brand. */
  readonly uuid = <Id extends string>(): Id => {
    const bytes = this.bytes(16);
    bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6);
    bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
    const hex = bytes.toString("hex");
    const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)];
    return parts.join("-") as Id;
  };

  #next(): number {
    const [a = 0, b = 0, c = 0, d = 0] = this.#state;
    const result = Math.imul(rotate(Math.imul(b, 5), 7), 9) >>> 0;
    const shifted = b << 9;
    const mixed = [a ^ d ^ b, b ^ c ^ a, c ^ a ^ shifted, rotate(d ^ b, 11)];
    this.#state.set(mixed);
    return result;
  }
}

function rotate(value: number, by: number): number {
  return ((value << by) | (value >>> (32 - by))) >>> 0;
}
