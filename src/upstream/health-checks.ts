import type { Endpoint } from '../balance/endpoint.js';
import { type RiseAndFall, Verdict } from '../balance/health/active.js';
import type { Pool } from '../balance/pool.js';
import { RecentMap } from '../util/recent-map.js';
import { type Open, HealthProbe, type ProbeOptions } from './health-probe.js';

export interface HealthCheckOptions extends Omit<ProbeOptions, 'path'>, RiseAndFall {
  /** Undefined: nothing is checked. */
  readonly path: string | undefined;
  /** Milliseconds between the end of one check and the next. */
  readonly interval: number;
}

/** So that endpoints are not all asked at the same moment, by all balancers. */
const JITTER = 0.1;
/** Verdicts on endpoints that are gone, for when they come back. */
const REMEMBERED = 4096;

interface Patient {
  readonly verdict: Verdict;
  timer: NodeJS.Timeout | null;
  probe: HealthProbe | null;
}

/** Asks each endpoint of a pool now and then how it is, and tells the pool when the verdict changes. */
export class HealthChecks {
  readonly #pool: Pool;
  readonly #open: Open;
  readonly #patients = new Map<Endpoint, Patient>();
  /** By address, so that one that is found anew is not thought well of. */
  readonly #remembered = new RecentMap<string, boolean>(REMEMBERED);
  #options: HealthCheckOptions;
  #closed = false;

  constructor(pool: Pool, options: HealthCheckOptions, open: Open) {
    this.#pool = pool;
    this.#options = options;
    this.#open = open;
  }

  /** Whether it may have requests; undefined: that is not known yet. */
  verdictOn(endpoint: Endpoint): boolean | undefined {
    if (this.#options.path === undefined) return true;
    const patient = this.#patients.get(endpoint);
    if (patient !== undefined) return patient.verdict.good;
    // A worker has shown that it is ready, and is another than the one before it in its place.
    if (endpoint.worker) return true;
    return this.#remembered.get(endpoint.id);
  }

  /** To be called when it joins the pool. */
  watch(endpoint: Endpoint): void {
    if (this.#options.path === undefined || this.#closed) return;
    const good = endpoint.state === 'ready' ? true : this.verdictOn(endpoint);
    const patient: Patient = { verdict: new Verdict(good), timer: null, probe: null };
    this.#patients.set(endpoint, patient);
    this.#wait(endpoint, patient, 0);
  }

  /** To be called when it is gone. */
  forget(endpoint: Endpoint): void {
    const patient = this.#patients.get(endpoint);
    if (patient === undefined) return;
    this.#patients.delete(endpoint);
    if (patient.timer !== null) clearTimeout(patient.timer);
    patient.probe?.cancel();
    const { good } = patient.verdict;
    if (good !== undefined && !endpoint.worker) this.#remembered.set(endpoint.id, good);
  }

  configure(options: HealthCheckOptions): void {
    const before = this.#options;
    this.#options = options;
    if (before.path !== undefined && options.path !== undefined) {
      if (before.path !== options.path || before.interval !== options.interval) this.#waitAnew();
      return;
    }
    if (before.path === options.path) return;
    for (const endpoint of this.#pool.endpoints) {
      if (options.path !== undefined) this.watch(endpoint);
      else {
        this.forget(endpoint);
        this.#pool.checked(endpoint, true, 'its health is not checked any more');
      }
    }
  }

  close(): void {
    this.#closed = true;
    for (const endpoint of this.#patients.keys()) this.forget(endpoint);
  }

  /** What is due in an hour would come by the old interval. */
  #waitAnew(): void {
    for (const [endpoint, patient] of this.#patients) {
      if (patient.probe !== null) continue;
      if (patient.timer !== null) clearTimeout(patient.timer);
      this.#wait(endpoint, patient, this.#options.interval);
    }
  }

  #wait(endpoint: Endpoint, patient: Patient, pause: number): void {
    const time = pause * (1 + JITTER * (2 * Math.random() - 1));
    patient.timer = setTimeout(() => this.#check(endpoint, patient), time).unref();
  }

  #check(endpoint: Endpoint, patient: Patient): void {
    const { path } = this.#options;
    if (path === undefined) return;
    patient.probe = new HealthProbe(endpoint, { ...this.#options, path }, this.#open, (failure) => {
      patient.probe = null;
      this.#wait(endpoint, patient, this.#options.interval);
      const passed = failure === undefined;
      if (!patient.verdict.hear(passed, this.#options)) return;
      this.#pool.checked(endpoint, passed, passed ? 'its health check passes' : `its health check fails: ${failure}`);
    });
  }
}
