/** Bounds of one batch; every part of the wire format has one (R16). */
export interface BatchLimits {
  /** The plain JSON line before the frame, with its newline. */
  headerBytes: number;
  /** Header and frame as sent. */
  batchBytes: number;
  /** Body after decompression. */
  plainBytes: number;
  records: number;
  /** Decompressed bytes per byte as sent. */
  ratio: number;
}

/**
 * The limits of `link/1`. Every record holds a random id, whose 16 bytes do not compress, so an honest body of 1 KiB
 * records stays below 1:64; 1:1000 leaves room and still refuses a bomb by its header alone.
 */
export const BATCH_LIMITS: BatchLimits = {
  headerBytes: 4096,
  batchBytes: 16 * 1024 * 1024 + 65_536,
  plainBytes: 16 * 1024 * 1024,
  records: 10_000,
  ratio: 1000,
};
