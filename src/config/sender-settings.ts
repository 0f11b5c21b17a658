import type { AllowedOrigins } from './allowed-origins';
import type { NamedSecret } from './named-secrets';
import type { ServiceSettings } from './service-settings';

/** What it takes to send calls. */
export class SenderSettings {
  /** By name. A service that is not configured here is absent. */
  readonly services: ReadonlyMap<string, ServiceSettings>;
  /** Origins that `http.request` may call; none unless allowed. */
  readonly httpAllow: AllowedOrigins;
  /** Those of them whose name may lead to an address that is not public: a private network, this machine. */
  readonly httpAllowPrivate: ReadonlySet<string>;
  /** Secrets that `http.request` may put into headers, by name. */
  readonly namedSecrets: ReadonlyMap<string, NamedSecret>;
  /** Caps every time-out of every call, in milliseconds. */
  readonly totalTimeoutMs?: number;
  #version = 0;

  constructor(parts: Pick<SenderSettings, 'services' | 'httpAllow' | 'httpAllowPrivate' | 'namedSecrets' | 'totalTimeoutMs'>) {
    this.services = parts.services;
    this.httpAllow = parts.httpAllow;
    this.httpAllowPrivate = parts.httpAllowPrivate;
    this.namedSecrets = parts.namedSecrets;
    if (parts.totalTimeoutMs !== undefined) this.totalTimeoutMs = parts.totalTimeoutMs;
  }

  /** Grows whenever a secret changed, so that whoever keeps something made from secrets knows when to make it anew. */
  get version(): number {
    return this.#version;
  }

  /** Every secret value that a request may carry, to be searched for in what comes back. */
  secretValues(): string[] {
    return [
      ...[...this.services.values()].flatMap((service) => service.secretValues()),
      ...[...this.namedSecrets.values()].map((secret) => secret.value),
    ];
  }

  /** Reads secrets that came from files again; answers whether any changed. */
  reload(): boolean {
    const sources = [...this.services.values(), ...this.namedSecrets.values()];
    const changed = sources.map((source) => source.reload()).includes(true);
    if (changed) this.#version += 1;
    return changed;
  }
}
