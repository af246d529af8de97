const SLICES = 20;

/**
 * Calls `onOver` once this process has run for `ms`, unless the returned function is called before. Time in which it stood still, because
 * it was stopped or got no processor, is not counted: what was to be waited for could not happen then.
 */
export function whenOver(ms: number, onOver: () => void): () => void {
  const slice = ms / SLICES;
  let left = SLICES;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    if (now - last < 2 * slice) left--;
    last = now;
    if (left > 0) return;
    clearInterval(timer);
    onOver();
  }, slice);
  return () => clearInterval(timer);
}

/** Looks again and again; false: it did not come true. */
export async function comesTrue(met: () => boolean, patience: number): Promise<boolean> {
  const timer = { over: false };
  const stop = whenOver(patience, () => (timer.over = true));
  try {
    for (;;) {
      if (met()) return true;
      if (timer.over) return false;
      await new Promise((resolve) => void setTimeout(resolve, 5));
    }
  } finally {
    stop();
  }
}
