/**
 * A map of bounded size that forgets what was not asked for longest. Entries live in two generations: what is set or found is in the
 * younger one; when that is full it becomes the older, and what was still in the older is forgotten. So `size / 2` entries are always
 * safe, and nothing is moved or linked at each use.
 */
export class RecentMap<K, V> {
  readonly #generation: number;
  #young = new Map<K, V>();
  #old = new Map<K, V>();

  constructor(size: number) {
    this.#generation = Math.max(1, size >> 1);
  }

  /** Entries kept, at most `size`. */
  get size(): number {
    return this.#young.size + this.#old.size;
  }

  get(key: K): V | undefined {
    const value = this.#young.get(key);
    if (value !== undefined || this.#old.size === 0) return value;
    const older = this.#old.get(key);
    if (older !== undefined) this.set(key, older);
    return older;
  }

  set(key: K, value: V): void {
    this.#old.delete(key);
    this.#young.set(key, value);
    if (this.#young.size < this.#generation) return;
    this.#old = this.#young;
    this.#young = new Map();
  }
}
