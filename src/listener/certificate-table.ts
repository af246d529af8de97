import { statSync } from 'node:fs';
import type { SecureContext } from 'node:tls';
import { MultiserverError } from '../errors.js';
import type { CertificateSource } from '../options.js';
import { isPem } from '../util/pem.js';
import { type Certificate, loadCertificate } from './certificates.js';

export interface CertificateTableOptions {
  /** The first is the default: for clients that name no host, or one that no certificate is for. */
  readonly sources: readonly CertificateSource[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A certificate could not be replaced, or is about to expire; what worked stays. */
  readonly onProblem: (message: string, error?: unknown) => void;
}

interface Entry {
  readonly source: CertificateSource;
  certificate: Certificate;
  /** Of the files it was read from; empty: it came as text. */
  stamp: string;
}

/** Certificates by the name a client asks for (SNI, RFC 6066 §3), read again when their files change. */
export class CertificateTable {
  readonly #options: CertificateTableOptions;
  readonly #entries: Entry[];
  /** By name in lower case; `.example.com` is `*.example.com`. */
  #byName = new Map<string, SecureContext>();

  /** @throws MultiserverError MS_BAD_CERTIFICATE */
  constructor(options: CertificateTableOptions) {
    this.#options = options;
    this.#entries = options.sources.map((source) => this.#open(source));
    this.#index();
  }

  get default(): Certificate {
    return this.#entries[0]!.certificate;
  }

  /** Exact name, then the wildcard of its parent (one label: RFC 9525 §6.3), then the default. */
  find(name: string): SecureContext {
    const lower = name.toLowerCase();
    const exact = this.#byName.get(lower);
    if (exact !== undefined) return exact;
    const dot = lower.indexOf('.');
    return (dot > 0 ? this.#byName.get(lower.slice(dot)) : undefined) ?? this.default.context;
  }

  /** Reads again what has changed. True: something was replaced. */
  refresh(force = false): boolean {
    let replaced = false;
    for (const entry of this.#entries) {
      const stamp = stampOf(entry.source);
      if (!force && stamp === entry.stamp) continue;
      entry.stamp = stamp;
      try {
        entry.certificate = loadCertificate(entry.source, this.#options.now());
        replaced = true;
      } catch (error) {
        if (!(error instanceof MultiserverError)) throw error;
        this.#options.onProblem(`${error.message} The one in use stays.`, error);
      }
    }
    if (replaced) this.#index();
    return replaced;
  }

  #open(source: CertificateSource): Entry {
    const stamp = stampOf(source);
    const { now, onProblem } = this.#options;
    // At start there is none that works better.
    const certificate = loadCertificate(source, now(), true);
    if (certificate.validTo.getTime() < now()) {
      const named = certificate.names[0] ?? 'without a name';
      onProblem(
        `The certificate for ${named} expired on ${certificate.validTo.toISOString()}: clients will refuse it.`,
      );
    }
    return { source, certificate, stamp };
  }

  #index(): void {
    const byName = new Map<string, SecureContext>();
    for (const { certificate } of this.#entries) {
      for (const name of certificate.names) {
        const key = name.startsWith('*.') ? name.slice(1) : name;
        if (!byName.has(key)) byName.set(key, certificate.context);
      }
    }
    this.#byName = byName;
  }
}

/** Changes when a file is written, replaced or a link to it moved. */
function stampOf({ cert, key }: CertificateSource): string {
  return [cert, key].map((file) => (typeof file !== 'string' || isPem(file) ? '' : stampOfFile(file))).join(' ');
}

function stampOfFile(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat === undefined ? 'missing' : `${stat.ino}:${stat.size}:${stat.mtimeNs}`;
}
