import assert from 'node:assert/strict';
import { spawn, type SpawnOptions } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PATIENCE } from './instance.js';

export const CLI = fileURLToPath(new URL('../../../dist/cli/main.js', import.meta.url));

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `multiserver` until it ends by itself, unseen by other instances unless `env` says which XDG_RUNTIME_DIR they have. */
export async function multiserver(args: readonly string[], setting: SpawnOptions = {}): Promise<Outcome> {
  const runtime = mkdtempSync(join(tmpdir(), 'ms-run-'));
  try {
    const env = { ...process.env, XDG_RUNTIME_DIR: runtime, ...setting.env };
    const child = spawn(process.execPath, [CLI, ...args], { cwd: runtime, timeout: PATIENCE, ...setting, env });
    let stdout = '';
    let stderr = '';
    child.stdin!.end();
    child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
    child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
    const [code] = (await once(child, 'close')) as [number | null];
    return { code, stdout, stderr };
  } finally {
    rmSync(runtime, { recursive: true, force: true });
  }
}

/** It said one sentence, whose words are `message`, and ended with `code`: nothing else, above all no stack trace. */
export function assertSays({ code, stderr }: Outcome, expected: number, message: string | RegExp): void {
  if (typeof message === 'string') assert.equal(stderr, `multiserver: ${message}\n`);
  else assert.match(stderr, message);
  assert.match(stderr, /^multiserver: [^\n]*[.?)…]\n$/, 'one sentence');
  assert.equal(code, expected);
}
