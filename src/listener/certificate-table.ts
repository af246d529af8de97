import { statSync } from 'node:fs';
import { createSecureContext, type SecureContext } from 'node:tls';
import { MultiserverError } from '../errors.js';
import type { CertificateSource } from '../options.js';
import { isPem } from '../util/pem.js';
import { RecentMap } from '../util/recent-map.js';
import { type Certificate, loadCertificate } from './certificates.js';

export interface TableSource extends CertificateSource {
  /** Whoever gets it from an authority looks after it: it need not be there yet. */
  readonly obtained?: boolean;
}

export interface CertificateTableOptions {
  /** The first that is there is the default: for clients that name no host, or one that no certificate is for. */
  readonly sources: readonly TableSource[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** A certificate could not be replaced, or is about to expire; what worked stays. */
  readonly onProblem: (message: string, error?: unknown) => void;
}

/** Contexts that are ready at once; each takes 30 KB and a millisecond to make. */
const MAX_CONTEXTS = 1024;
/** Certificates whose files are looked at in one go: the more there are, the later a change is noticed, not the longer requests wait. */
const LOOKED_AT = 256;

interface Entry {
  readonly source: TableSource;
  certificate: Certificate | undefined;
  /** Of the files it was read from; empty: it came as text. */
  stamp: string;
}

/** Certificates by the name a client asks for (SNI, RFC 6066 §3), read again when their files change. */
export class CertificateTable {
  readonly #options: CertificateTableOptions;
  readonly #entries: Entry[];
  /** By name in lower case; `.example.com` is `*.example.com`. */
  #byName = new Map<string, Certificate>();
  #default: Certificate | undefined;
  readonly #contexts = new RecentMap<Certificate, SecureContext>(MAX_CONTEXTS);
  /** The entry to be looked at next. */
  #next = 0;

  /** @throws MultiserverError MS_BAD_CERTIFICATE */
  constructor(options: CertificateTableOptions) {
    this.#options = options;
    this.#entries = options.sources.map((source) => this.#open(source));
    this.#index();
  }

  /** Undefined: none has been obtained yet. */
  get default(): Certificate | undefined {
    return this.#default;
  }

  /** Exact name, then the wildcard of its parent (one label: RFC 9525 §6.3), then the default. */
  find(name: string): SecureContext | undefined {
    const lower = name.toLowerCase();
    const dot = lower.indexOf('.');
    const byName = this.#byName;
    const certificate = byName.get(lower) ?? (dot > 0 ? byName.get(lower.slice(dot)) : undefined) ?? this.#default;
    if (certificate === undefined) return undefined;
    let context = this.#contexts.get(certificate);
    if (context === undefined) {
      context = createSecureContext(certificate.options);
      this.#contexts.set(certificate, context);
    }
    return context;
  }

  /**
   * Reads again what has changed, of many in turns; `force`: of all, whether it looks changed or not; `file`: that certificate alone. True:
   * something was replaced.
   */
  refresh(force = false, file?: string): boolean {
    let replaced = false;
    const entries = force ? this.#entries : file === undefined ? this.#turn() : this.#entriesOf(file);
    for (const entry of entries) {
      const stamp = stampOf(entry.source);
      if (!force && stamp === entry.stamp) continue;
      entry.stamp = stamp;
      const before = entry.certificate;
      try {
        entry.certificate = loadCertificate(entry.source, this.#options.now(), before);
        replaced ||= entry.certificate !== before;
      } catch (error) {
        if (!(error instanceof MultiserverError)) throw error;
        // Not obtained yet: whoever sees to that tells.
        if (before === undefined) continue;
        this.#options.onProblem(`${error.message} The one in use stays.`, error);
      }
    }
    if (replaced) this.#index();
    return replaced;
  }

  #turn(): readonly Entry[] {
    const entries = this.#entries.slice(this.#next, this.#next + LOOKED_AT);
    this.#next = this.#next + LOOKED_AT < this.#entries.length ? this.#next + LOOKED_AT : 0;
    return entries;
  }

  #entriesOf(file: string): readonly Entry[] {
    return this.#entries.filter(({ source }) => source.cert === file);
  }

  #open(source: TableSource): Entry {
    const stamp = stampOf(source);
    const { now, onProblem } = this.#options;
    if (source.obtained) return { source, certificate: loadIfGood(source, now()), stamp };
    // At start there is none that works better.
    const certificate = loadCertificate(source, now(), undefined, true);
    if (certificate.validTo.getTime() < now()) {
      const named = certificate.names[0] ?? 'without a name';
      onProblem(
        `The certificate for ${named} expired on ${certificate.validTo.toISOString()}: clients will refuse it.`,
      );
    }
    return { source, certificate, stamp };
  }

  #index(): void {
    const byName = new Map<string, Certificate>();
    this.#default = this.#entries.find(({ certificate }) => certificate !== undefined)?.certificate;
    for (const { certificate } of this.#entries) {
      for (const name of certificate?.names ?? []) {
        const key = name.startsWith('*.') ? name.slice(1) : name;
        if (!byName.has(key)) byName.set(key, certificate!);
      }
    }
    this.#byName = byName;
  }
}

function loadIfGood(source: TableSource, now: number): Certificate | undefined {
  try {
    return loadCertificate(source, now, undefined, true);
  } catch {
    return undefined;
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
