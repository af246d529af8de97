import { execFileSync } from 'node:child_process';
import { createHash, X509Certificate } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Browser, chromium } from 'playwright-core';
import { Authority } from '../https/authority.js';
import { AppFolder, PATIENCE } from '../process/instance.js';

/** Why nothing can be tried in a browser here, if so. */
export const missing =
  (process.env.MULTISERVER_MISSING ?? '').split(' ').includes('chromium') && 'chromium is not here';

/** The site's name, as the browser knows it. */
const HOST = 'live.test';
export const urlOf = (port: number): string => `https://${HOST}:${port}/`;

/** A browser, and a certificate that it trusts. */
export class Setting {
  readonly browser: Browser;
  readonly #folder: AppFolder;
  /** Of `multiserver start`. */
  readonly httpsFlags: readonly string[];

  private constructor(browser: Browser, folder: AppFolder, httpsFlags: readonly string[]) {
    this.browser = browser;
    this.#folder = folder;
    this.httpsFlags = httpsFlags;
  }

  static async prepare(): Promise<Setting> {
    const { cert, key } = await (await Authority.create()).issue({ names: [HOST] });
    const folder = new AppFolder();
    const flags = ['--https-cert', folder.write('cert.pem', cert), '--https-key', folder.write('key.pem', key)];
    const spki = new X509Certificate(cert).publicKey.export({ type: 'spki', format: 'der' });
    const browser = await chromium.launch({
      executablePath: execFileSync('sh', ['-c', 'command -v chromium'], { encoding: 'utf8' }).trim(),
      args: [
        `--ignore-certificate-errors-spki-list=${createHash('sha256').update(spki).digest('base64')}`,
        `--host-resolver-rules=MAP ${HOST} 127.0.0.1`,
      ],
      // Root cannot have it.
      chromiumSandbox: process.getuid?.() !== 0,
      timeout: PATIENCE,
    });
    return new Setting(browser, folder, flags);
  }

  async end(): Promise<void> {
    await this.browser.close();
    this.#folder.remove();
  }
}

/** Looks again and again until it is as wanted, and gives what was seen then. */
export async function seen<T>(look: () => Promise<T>, wanted: (value: T) => boolean, what: string): Promise<T> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const value = await look();
    if (wanted(value)) return value;
    if (Date.now() > end) throw new Error(`Waited in vain until ${what}: ${JSON.stringify(value).slice(0, 5000)}`);
    await sleep(50);
  }
}
