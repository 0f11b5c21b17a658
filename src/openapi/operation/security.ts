import type { CredentialRule } from '../../tasks/service';
import type { DocumentNode } from '../document/document-node';
import { bareName, looksSecret, upperSnakeCase } from './names';

/** What somebody says about one security scheme: the name of its setting, or a value that is no secret and always sent. */
export type SchemeChoice = { setting: string } | { value: string };

/** How an operation signs in. */
export interface SignIn {
  rules: readonly CredentialRule[];
  /** Headers that are no secret: schemes for which somebody gave a value. */
  headers: Readonly<Record<string, string>>;
  /** Credentials by the names, made bare, under which they may stand among the fields, too; such a field is no input. */
  keys: ReadonlyMap<string, FieldKey>;
}

/** A credential that may stand among the fields. */
export interface FieldKey {
  /** None where its value is fixed. */
  setting?: string;
  /** It goes into every such field, since nothing else carries it; other ones only where the document requires the field. */
  always: boolean;
}

/** What decides how operations sign in. */
export interface SecurityChoices {
  service: string;
  schemes: Readonly<Record<string, SchemeChoice>>;
  /** Where an operation offers several ways, the one that uses only these. */
  preferred?: readonly string[];
  /** Fields and parameters that are keys although no scheme says so, with their settings. */
  fields: Readonly<Record<string, string>>;
  /** The credentials of a service that was made before: all of them go along, whatever the document says. */
  given?: readonly CredentialRule[];
}

const SETTING = /^[A-Z][A-Z0-9_]*$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** Reads how operations sign in. Schemes that AND together all go along; of several ways the first usable one is taken. */
export class Security {
  readonly #root: DocumentNode;
  readonly #choices: SecurityChoices;
  readonly #settings = new Map<string, string>();

  constructor(root: DocumentNode, choices: SecurityChoices) {
    this.#root = root;
    this.#choices = choices;
    for (const [field, setting] of Object.entries(choices.fields)) refuseSetting(`secretFields.${field}`, setting);
    for (const [scheme, choice] of Object.entries(choices.schemes)) {
      if ('setting' in choice) refuseSetting(`credentials.${scheme}.setting`, choice.setting);
      if (!root.at('components')?.at('securitySchemes')?.at(scheme)) throw new TypeError(`credentials.${scheme}: the document has no such security scheme.`);
    }
  }

  /** @throws OpenApiError when none of the ways to sign in can be used. */
  of(node: DocumentNode): SignIn {
    return this.#choices.given ? this.#asGiven(this.#choices.given) : this.#asDescribed(node);
  }

  #asGiven(rules: readonly CredentialRule[]): SignIn {
    const named = rules.flatMap((rule) => [...this.#fieldsOf(rule.name, rule), bareName(rule.bodyName ?? rule.name)].map((bare): [string, FieldKey] => [bare, { setting: rule.setting, always: false }]));
    return { rules, headers: {}, keys: new Map(named) };
  }

  #asDescribed(node: DocumentNode): SignIn {
    const requirement = this.#pick(node.at('security') ?? this.#root.at('security'));
    const schemes = (requirement?.entries() ?? []).map(([name]) => name);
    const rules: CredentialRule[] = [];
    const headers: Record<string, string> = {};
    const keys = new Map<string, FieldKey>(Object.entries(this.#choices.fields).map(([field, setting]) => [bareName(field), { setting, always: true }]));
    for (const name of schemes) {
      const rule = this.#ruleFor(name, requirement ?? node);
      const choice = this.#choices.schemes[name];
      const isFixed = choice !== undefined && 'value' in choice;
      if (isFixed) headers[this.#fixedHeader(name, rule)] = choice.value;
      else rules.push(rule);
      for (const bare of this.#fieldsOf(name, rule)) {
        if (!keys.has(bare)) keys.set(bare, { always: false, ...(!isFixed && { setting: rule.setting }) });
      }
    }
    const twice = rules.find((rule, place) => rules.some((other, earlier) => earlier < place && other.in === rule.in && other.name === rule.name));
    if (twice) node.refuse(`signs in with two credentials in the same ${twice.in} ${twice.name}`);
    return { rules, headers, keys };
  }

  #pick(security: DocumentNode | undefined): DocumentNode | undefined {
    const ways = security?.elements() ?? [];
    const signed = ways.filter((way) => way.entries().length > 0);
    if (signed.length === 0) return undefined;
    const { preferred } = this.#choices;
    const usable = signed.filter((way) => way.entries().every(([name]) => this.#isUsable(name)));
    const wanted = preferred && usable.find((way) => way.entries().every(([name]) => preferred.includes(name)));
    const [first] = usable;
    if (wanted ?? first) return wanted ?? first;
    // Signing in is one of the ways; without is another.
    if (signed.length < ways.length) return undefined;
    const [unusable] = signed;
    const [name = ''] = unusable?.entries().find(([scheme]) => !this.#isUsable(scheme)) ?? [];
    return unusable?.refuse(`signs in with ${JSON.stringify(name)}, which ${this.#scheme(name) ? 'is of a kind that cannot be used here' : 'is not among the security schemes'}`);
  }

  #scheme(name: string): DocumentNode | undefined {
    return this.#root.at('components')?.at('securitySchemes')?.follow(name);
  }

  #isUsable(name: string): boolean {
    const scheme = this.#scheme(name);
    switch (scheme?.text('type')) {
      case 'apiKey':
        return ['header', 'query', 'cookie'].includes(scheme.text('in') ?? '');
      case 'http':
        return ['basic', 'bearer'].includes(scheme.text('scheme')?.toLowerCase() ?? '');
      case 'oauth2':
      case 'openIdConnect':
        return true;
      default:
        return false;
    }
  }

  #ruleFor(name: string, at: DocumentNode): CredentialRule {
    const scheme = this.#scheme(name) ?? at.refuse(`names the security scheme ${JSON.stringify(name)}, which is not there`);
    const setting = this.#settingFor(name);
    switch (scheme.text('type')) {
      case 'apiKey': {
        const place = scheme.text('in') as 'header' | 'query' | 'cookie';
        const key = scheme.text('name') ?? scheme.refuse('must have the name of its header, parameter or cookie');
        if (place !== 'query' && !TOKEN.test(key)) scheme.refuse(`${JSON.stringify(key)} is no name that a ${place} can have`);
        return { setting, in: place, name: place === 'header' ? key.toLowerCase() : key };
      }
      case 'http':
        return { setting, in: 'header', name: 'authorization', scheme: scheme.text('scheme')?.toLowerCase() === 'basic' ? 'basic' : 'bearer' };
      default:
        return { ...this.#clientOf(name, scheme, setting), in: 'header', name: 'authorization', scheme: 'bearer' };
    }
  }

  /** A token is fetched where the document says from whom; whoever names a setting for the scheme has the token in it. */
  #clientOf(name: string, scheme: DocumentNode, setting: string): Pick<CredentialRule, 'setting' | 'clientCredentials'> {
    const tokenUrl = scheme.at('flows')?.at('clientCredentials')?.text('tokenUrl');
    if (tokenUrl === undefined || !isTokenUrl(tokenUrl) || this.#choices.schemes[name]) return { setting };
    const settings = { tokenUrl: `${setting}_TOKEN_URL`, scope: `${setting}_SCOPE`, audience: `${setting}_AUDIENCE` };
    return { setting: `${setting}_CLIENT_SECRET`, clientCredentials: { tokenUrl, clientIdSetting: `${setting}_CLIENT_ID`, settings } };
  }

  #settingFor(name: string): string {
    const choice = this.#choices.schemes[name];
    if (choice && 'setting' in choice) return choice.setting;
    const known = this.#settings.get(name);
    if (known !== undefined) return known;
    const setting = free(settingName(this.#choices.service, name), new Set(this.#settings.values()));
    this.#settings.set(name, setting);
    return setting;
  }

  /** Names of fields that can only be this key: an API key's own ones. A field called like a way to sign in may be anything. */
  #fieldsOf(scheme: string, { name, scheme: kind }: CredentialRule): string[] {
    if (kind !== undefined) return [];
    const short = withoutPrefix(name, this.#choices.service);
    return [bareName(scheme), bareName(name), bareName(name.replace(/^x-/i, '')), ...(looksSecret(short) ? [short] : [])];
  }

  #fixedHeader(scheme: string, rule: CredentialRule): string {
    if (rule.in === 'header' && rule.scheme === undefined) return rule.name;
    throw new TypeError(`credentials.${scheme}.value: only an API key in a header can have a fixed value; name a setting instead.`);
  }
}

/** `PLAID_CLIENT_ID` for `clientId`, and not `PLAID_PLAID_VERSION` for `plaidVersion`. */
export function settingName(service: string, name: string): string {
  const prefix = upperSnakeCase(service);
  const own = upperSnakeCase(name) || 'KEY';
  return own === prefix ? `${prefix}_KEY` : own.startsWith(`${prefix}_`) ? own : `${prefix}_${own}`;
}

/** Where a client's secret may go: by https, or to the service itself. */
function isTokenUrl(text: string): boolean {
  if (/^\/(?!\/)[^#]*$/.test(text)) return true;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url?.protocol === 'https:' && url.username === '' && url.password === '' && url.hash === '' && text.startsWith('https://');
}

function refuseSetting(option: string, setting: string): void {
  if (!SETTING.test(setting)) throw new TypeError(`${option}: "${setting}" is no name of a setting; write for example SHOP_API_KEY.`);
}

function withoutPrefix(name: string, service: string): string {
  const bare = bareName(name);
  const prefix = bareName(service);
  return bare.startsWith(prefix) && bare.length > prefix.length ? bare.slice(prefix.length) : bare;
}

function free(name: string, taken: ReadonlySet<string>): string {
  let candidate = name;
  for (let number = 2; taken.has(candidate); number += 1) candidate = `${name}_${number}`;
  return candidate;
}
