import type { AllowedOrigins, HttpReads } from './origins';
import type { NamedClient, NamedSecret } from './named-secrets';
import type { OAuthClient } from './credential';
import type { ProxySettings, TlsIdentity } from './network-settings';
import type { ServiceSettings } from './service-settings';

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

/** The settings needed to send calls. */
export class SenderSettings {
  /** By name; services that are not configured are absent. */
  readonly services: ReadonlyMap<string, ServiceSettings>;
  /** Origins that `http.request` may call; empty by default. */
  readonly httpAllow: AllowedOrigins;
  /**
   * Those of them whose host name may resolve to an address that is not public, such as a private network or this
   * machine.
   */
  readonly httpAllowPrivate: ReadonlySet<string>;
  /** Requests of `http.request` that only read although their method does not say so. */
  readonly httpReads: HttpReads;
  /** Secrets that `http.request` may put into headers, by name. */
  readonly namedSecrets: ReadonlyMap<string, NamedSecret>;
  /**
   * OAuth clients whose access tokens `http.request` may put into headers, by name; a name is never used for a secret
   * too.
   */
  readonly namedClients: ReadonlyMap<string, NamedClient>;
  /** Client certificates and trusted authorities, by the origin that they are for. */
  readonly tlsIdentities: ReadonlyMap<string, TlsIdentity>;
  /** The proxy for calls; direct connections if undefined. */
  readonly proxy?: ProxySettings;
  /** Upper limit of every timeout of every call, in milliseconds. */
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

  /** Increases when a secret changes or a token is issued, so that values derived from secrets can be recomputed. */
  get version(): number {
    return this.#version;
  }

  /** Increases when keys from files are replaced. */
  get rotations(): number {
    return this.#rotations;
  }

  /** Remembers an access token and the one before it, which a late response may still echo. */
  noteToken(client: OAuthClient, token: string): void {
    const known = this.#tokens.get(client) ?? [];
    if (known.includes(token)) return;
    this.#tokens.set(client, [token, ...known].slice(0, 2));
    this.#version += 1;
  }

  /** Returns every secret value that a request may carry, to search for them in responses. */
  secretValues(): string[] {
    return [
      ...[...this.services.values()].flatMap((service) => service.secretValues()),
      ...[...this.namedSecrets.values()].map((secret) => secret.value),
      ...[...this.namedClients.values()].flatMap((client) => client.secretValues()),
      ...[...this.#tokens.values()].flat(),
      ...(this.proxy?.secretValues() ?? []),
    ];
  }

  /** Reads secrets that came from files again; returns whether any changed. */
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
