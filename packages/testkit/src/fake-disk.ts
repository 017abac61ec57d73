import { type Deposit, DISK_SHARES, type DiskAdmission } from "@tms/link/upper";
import { AppError } from "@tms/records";

/** A disk as full as a test wants it; it judges as the real one does. */
export class FakeDisk implements Pick<DiskAdmission, "admit"> {
  freeShare = 1;
  retryAfterSeconds = 60;
  readonly refused: Deposit[] = [];

  async admit(deposit: Deposit): Promise<void> {
    if (this.freeShare >= DISK_SHARES.refuse[deposit]) return;
    this.refused.push(deposit);
    throw new AppError("store.disk_low", { deposit, retryAfterSeconds: this.retryAfterSeconds });
  }
}
