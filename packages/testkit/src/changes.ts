/** Lets a test wait for what it wants to see, looking again after each change and never by the clock. */
export class Changes {
  readonly #watchers = new Set<() => void>();

  tell(): void {
    for (const watcher of [...this.#watchers]) watcher();
    this.#watchers.clear();
  }

  /** Resolves once `condition` holds. */
  async until(condition: () => boolean | Promise<boolean>): Promise<void> {
    for (;;) {
      // Registered before the look: a change that comes while a condition reads files would else wake nobody.
      const changed = new Promise<void>((resolve) => this.#watchers.add(resolve));
      if (await condition()) return;
      await changed;
    }
  }
}
