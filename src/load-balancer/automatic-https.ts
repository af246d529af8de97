import { CertificateKeeper, sourceOf } from '../listener/acme/keeper.js';
import { challengeCertificate } from '../listener/acme/requests.js';
import { AcmeStorage } from '../listener/acme/storage.js';
import type { BoundAddress } from '../listener/address.js';
import type { TableSource } from '../listener/certificate-table.js';
import type { Listener } from '../listener/listener.js';
import type { AcmeChallenge, ResolvedAcme } from '../options.js';
import { createAcmeChallenge } from '../proxy/acme-challenge.js';
import type { Station } from '../proxy/force-https.js';
import type { Tell } from './events.js';

export interface AutomaticHttpsSurroundings {
  readonly tell: Tell;
  /** Those that are listened on by now. */
  readonly addresses: readonly BoundAddress[];
  readonly onProblem: (message: string, error?: unknown) => void;
}

/** Joins what gets certificates from an authority with what listens and answers. */
export class AutomaticHttps {
  /** Where the listener finds the certificates. */
  readonly sources: readonly TableSource[];
  readonly station: Station;
  readonly #keeper: CertificateKeeper;
  #listener: Listener | undefined;

  /** @throws MultiserverError MS_ACME_FAILED when nothing can be kept in the storage. */
  constructor(acme: ResolvedAcme, { tell, addresses, onProblem }: AutomaticHttpsSurroundings) {
    const store = new AcmeStorage(acme.storage);
    this.sources = acme.domains.map((name) => ({ ...sourceOf(store, name), obtained: true }));
    this.station = createAcmeChallenge((token) => store.answerTo(token));
    this.#keeper = new CertificateKeeper({
      ...acme,
      store,
      wallClock: Date.now,
      random: Math.random,
      challenges: () => challengesAt(addresses),
      answerByTls: (name, authorization) =>
        this.#listener!.answerChallenge(name, challengeCertificate(name, authorization, Date.now())),
      onObtained: (name, file, validTo) => {
        this.#listener!.refreshCertificates(false, file);
        tell('certificate', name, { validTo });
      },
      onProblem,
    });
  }

  /** The authority can look at us from now on. */
  start(listener: Listener): void {
    this.#listener = listener;
    this.#keeper.start();
  }

  close(): Promise<void> {
    return this.#keeper.close();
  }
}

/** The authority comes to the ports 80 and 443; which of ours are behind these only it can tell. */
function challengesAt(addresses: readonly BoundAddress[]): AcmeChallenge[] {
  const found: AcmeChallenge[] = [];
  if (addresses.some(({ secure }) => !secure)) found.push('http-01');
  if (addresses.some(({ secure }) => secure)) found.push('tls-alpn-01');
  return found;
}
