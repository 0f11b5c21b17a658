import type { AllowedOrigins } from './allowed-origins';
import type { HttpReads } from './http-reads';
import type { NamedClient } from './named-clients';
import type { NamedSecret } from './named-secrets';
import type { OAuthClient } from './oauth-client';
import type { ProxySettings } from './proxy-settings';
import type { ServiceSettings } from './service-settings';
import type { TlsIdentity } from './tls-identity';

type Part =
  | 'services'
  | 'httpAllow'
  | 'httpAllowPrivate'
  | 'httpReads'
  | 'namedSecrets'
  | 'namedClients'
  | 'tlsIdentities'
  | 'proxy'
  | 'totalTimeoutMs';

/** What it takes to send calls. */
export class SenderSettings {
  /** By name. A service that is not configured here is absent. */
  readonly services: ReadonlyMap<string, ServiceSettings>;
  /** Origins that `http.request` may call; none unless allowed. */
  readonly httpAllow: AllowedOrigins;
  /** Those of them whose name may lead to an address that is not public: a private network, this machine. */
  readonly httpAllowPrivate: ReadonlySet<string>;
  /** Requests of `http.request` that only read although their method does not say so. */
  readonly httpReads: HttpReads;
  /** Secrets that `http.request` may put into headers, by name. */
  readonly namedSecrets: ReadonlyMap<string, NamedSecret>;
  /** Clients whose access tokens it may put there, by name; no name is also one of a secret. */
  readonly namedClients: ReadonlyMap<string, NamedClient>;
  /** Client certificates and authorities of their own, by the origin that they are for. */
  readonly tlsIdentities: ReadonlyMap<string, TlsIdentity>;
  /** Through which calls leave; directly when undefined. */
  readonly proxy?: ProxySettings;
  /** Caps every time-out of every call, in milliseconds. */
  readonly totalTimeoutMs?: number;
  readonly #tokens = new Map<OAuthClient, readonly string[]>();
  #version = 0;
  #rotations = 0;

  constructor(parts: Pick<SenderSettings, Part>) {
    this.services = parts.services;
    this.httpAllow = parts.httpAllow;
    this.httpAllowPrivate = parts.httpAllowPrivate;
    this.httpReads = parts.httpReads;
    this.namedSecrets = parts.namedSecrets;
    this.namedClients = parts.namedClients;
    this.tlsIdentities = parts.tlsIdentities;
    if (parts.proxy !== undefined) this.proxy = parts.proxy;
    if (parts.totalTimeoutMs !== undefined) this.totalTimeoutMs = parts.totalTimeoutMs;
  }

  /** Grows whenever a secret changed or a token was issued, so that whoever keeps something made from secrets knows when to make it anew. */
  get version(): number {
    return this.#version;
  }

  /** Grows whenever keys from files were replaced. */
  get rotations(): number {
    return this.#rotations;
  }

  /** Remembers an access token, and the one before it, which a late answer may still echo. */
  noteToken(client: OAuthClient, token: string): void {
    const known = this.#tokens.get(client) ?? [];
    if (known.includes(token)) return;
    this.#tokens.set(client, [token, ...known].slice(0, 2));
    this.#version += 1;
  }

  /** Every secret value that a request may carry, to be searched for in what comes back. */
  secretValues(): string[] {
    return [
      ...[...this.services.values()].flatMap((service) => service.secretValues()),
      ...[...this.namedSecrets.values()].map((secret) => secret.value),
      ...[...this.namedClients.values()].flatMap((client) => client.secretValues()),
      ...[...this.#tokens.values()].flat(),
      ...(this.proxy?.secretValues() ?? []),
    ];
  }

  /** Reads secrets that came from files again; answers whether any changed. */
  reload(): boolean {
    const sources = [
      ...this.services.values(),
      ...this.namedSecrets.values(),
      ...this.namedClients.values(),
      ...(this.proxy ? [this.proxy] : []),
    ];
    const changed = sources.map((source) => source.reload()).includes(true);
    if (changed) {
      this.#version += 1;
      this.#rotations += 1;
    }
    return changed;
  }
}
