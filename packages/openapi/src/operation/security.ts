import { OPENAPI_PREFIX, settingsReadFor, whyNotImported } from 'temporal-http-tasks/internal/tasks/imported-settings';
import type { CredentialRule } from 'temporal-http-tasks/internal/tasks/service';
import type { DocumentNode } from '../document/document-node';
import { bareName, looksSecret, upperSnakeCase } from './names';

/** What the operator decides about one security scheme: the name of its setting, or a value that is not secret and always sent. */
export type SchemeChoice = { setting: string } | { value: string };

/** A key that the operator names for operations which the document describes without one. */
export type SignInRule = Pick<CredentialRule, 'setting' | 'name' | 'scheme'> & { in: 'header' | 'query' | 'cookie' };

/** How an operation signs in. */
export interface SignIn {
  rules: readonly CredentialRule[];
  /** Headers that are not secret: schemes for which a value was given. */
  headers: Readonly<Record<string, string>>;
  /** Credentials by the names, made bare, under which they may be among the fields, too; such a field is not an input. */
  keys: ReadonlyMap<string, FieldKey>;
  /** It is sent with the client certificate that the settings have for its origin, and not without one. */
  clientCertificate?: true;
  /** Why it is sent without a key. */
  unsigned?: string;
}

/** A credential that may be among the fields. */
export interface FieldKey {
  /** None where its value is fixed. */
  setting?: string;
  /** Sent in every such field, because nothing else sends it; others only if the document requires the field. */
  always: boolean;
}

/** What decides how operations sign in. */
export interface SecurityChoices {
  service: string;
  /** Whether the operator named the service; a name made of the document's title names no setting. */
  named: boolean;
  schemes: Readonly<Record<string, SchemeChoice>>;
  /** Where an operation offers several ways, the one that uses only these. */
  preferred?: readonly string[];
  /** The schemes of an operation for which the document has no `security`. @default none */
  undescribed?: readonly string[];
  /** Fields and parameters that are keys without being declared as a scheme, with their settings. */
  fields: Readonly<Record<string, string>>;
  /** The keys of operations that the document describes without one. */
  signIn?: readonly SignInRule[];
  /** The credentials of a service that already exists; all are sent, regardless of the document. */
  given?: readonly CredentialRule[];
}

const SETTING = /^[A-Z][A-Z0-9_]*$/;
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/** The names that a scheme of the document would have for its settings. */
type Names = Pick<CredentialRule, 'setting' | 'unnamed' | 'formerly'>;

/** Headers that frame the message or choose its receiver; a key in one of them would change the request. */
const FRAMING = new Set([
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'upgrade',
  'expect',
  'te',
  'trailer',
  'proxy-authorization',
]);

/** Reads how operations sign in. Schemes that AND together all go along; of several ways the first usable one is taken. */
export class Security {
  readonly #root: DocumentNode;
  readonly #choices: SecurityChoices;
  #bySetting: ReadonlyMap<string, readonly string[]> | undefined;

  constructor(root: DocumentNode, choices: SecurityChoices) {
    this.#root = root;
    this.#choices = choices;
    for (const [field, setting] of Object.entries(choices.fields)) refuseSetting(`secretFields.${field}`, setting);
    for (const rule of choices.signIn ?? []) refuseSignIn(rule);
    for (const [scheme, choice] of Object.entries(choices.schemes)) {
      if ('setting' in choice) refuseSetting(`credentials.${scheme}.setting`, choice.setting);
      if (this.#isCertificate(scheme))
        throw new TypeError(
          `credentials.${scheme}: it is a client certificate, which the settings HTTP_TASKS_TLS_<NAME>_… name for an origin.`,
        );
      if (!root.mapAt('components')?.mapAt('securitySchemes')?.at(scheme))
        throw new TypeError(`credentials.${scheme}: the document has no such security scheme.`);
    }
  }

  /** @throws OpenApiError when none of the ways to sign in can be used. */
  of(node: DocumentNode): SignIn {
    return this.#choices.given ? this.#asGiven(this.#choices.given) : this.#asDescribed(node);
  }

  #asGiven(rules: readonly CredentialRule[]): SignIn {
    const named = rules.flatMap((rule) =>
      [...this.#fieldsOf(rule.name, rule), bareName(rule.bodyName ?? rule.name)].map((bare): [string, FieldKey] => [
        bare,
        { setting: rule.setting, always: false },
      ]),
    );
    return { rules, headers: {}, keys: new Map(named) };
  }

  #asDescribed(node: DocumentNode): SignIn {
    const described = node.follow('security') ?? this.#root.follow('security');
    const requirement = this.#pick(described);
    const schemes =
      described === undefined
        ? (this.#choices.undescribed ?? [])
        : (requirement?.entries() ?? []).map(([name]) => name);
    const rules: CredentialRule[] = [];
    const headers: Record<string, string> = {};
    const keys = new Map<string, FieldKey>(
      Object.entries(this.#choices.fields).map(([field, setting]) => [bareName(field), { setting, always: true }]),
    );
    const isSigned = schemes.length > 0;
    if (!isSigned) rules.push(...(this.#choices.signIn ?? []).map(asSent));
    const certificates = schemes.filter((name) => this.#isCertificate(name));
    for (const name of schemes.filter((one) => !certificates.includes(one))) {
      const rule = this.#ruleFor(name, requirement ?? node);
      const choice = this.#choiceOf(name);
      const isFixed = choice !== undefined && 'value' in choice;
      if (isFixed) headers[this.#fixedHeader(name, rule)] = choice.value;
      else rules.push(rule);
      for (const bare of this.#fieldsOf(name, rule)) {
        if (!keys.has(bare)) keys.set(bare, { always: false, ...(!isFixed && { setting: rule.setting }) });
      }
    }
    return {
      rules,
      headers,
      keys,
      ...(certificates.length > 0 && { clientCertificate: true }),
      ...(!isSigned && { unsigned: this.#whyUnsigned(node) }),
    };
  }

  #whyUnsigned(node: DocumentNode): string {
    const security = node.follow('security') ?? this.#root.follow('security');
    const ways = security?.elements().map((way) => way.target()) ?? [];
    if (ways.some((way) => way.entries().length > 0))
      return 'signing in is optional for it, and none of the ways can be used here';
    if (security !== undefined) return 'the document says that it needs none';
    return (this.#root.mapAt('components')?.mapAt('securitySchemes')?.entries().length ?? 0) > 0
      ? 'the document names no security scheme for it'
      : 'the document describes no security schemes';
  }

  #pick(security: DocumentNode | undefined): DocumentNode | undefined {
    const ways = security?.elements().map((way) => way.target()) ?? [];
    const signed = ways.filter((way) => way.entries().length > 0);
    if (signed.length === 0) return undefined;
    const { preferred } = this.#choices;
    const usable = signed.filter((way) => way.entries().every(([name]) => this.#isUsable(name)));
    const wanted = preferred && usable.find((way) => way.entries().every(([name]) => preferred.includes(name)));
    // A certificate is required only if no other scheme suffices, or if the operator prefers it.
    const first = usable.find((way) => !way.entries().some(([name]) => this.#isCertificate(name))) ?? usable[0];
    if (wanted ?? first) return wanted ?? first;
    // Signing in is one of the ways; without is another.
    if (signed.length < ways.length) return undefined;
    const [unusable] = signed;
    const [name = ''] = unusable?.entries().find(([scheme]) => !this.#isUsable(scheme)) ?? [];
    return unusable?.refuse(
      `signs in with ${JSON.stringify(name)}, which ${this.#scheme(name) ? 'is of a kind that cannot be used here' : 'is not among the security schemes'}`,
    );
  }

  #scheme(name: string): DocumentNode | undefined {
    return this.#root.mapAt('components')?.mapAt('securitySchemes')?.follow(name);
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
      case 'mutualTLS':
        return true;
      default:
        return false;
    }
  }

  #isCertificate(name: string): boolean {
    return this.#scheme(name)?.text('type') === 'mutualTLS';
  }

  #ruleFor(name: string, at: DocumentNode): CredentialRule {
    const scheme =
      this.#scheme(name) ?? at.refuse(`names the security scheme ${JSON.stringify(name)}, which is not there`);
    const rule = this.#describedRule(name, scheme);
    this.#refuseSharedSettings(name, rule, scheme);
    return rule;
  }

  #describedRule(name: string, scheme: DocumentNode): CredentialRule {
    const names = this.#namesFor(name);
    switch (scheme.text('type')) {
      case 'apiKey': {
        const place = scheme.text('in') as 'header' | 'query' | 'cookie';
        const key = scheme.text('name') ?? scheme.refuse('must have the name of its header, parameter or cookie');
        const why = whyNoPlace(place, key);
        if (why !== undefined) scheme.refuse(why);
        return { ...names, in: place, name: place === 'header' ? key.toLowerCase() : key };
      }
      case 'http':
        return {
          ...names,
          in: 'header',
          name: 'authorization',
          scheme: scheme.text('scheme')?.toLowerCase() === 'basic' ? 'basic' : 'bearer',
        };
      default:
        return { ...this.#clientOf(name, scheme, names), in: 'header', name: 'authorization', scheme: 'bearer' };
    }
  }

  /** The token is requested from the URL in the document, unless the operator names a setting that contains it. */
  #clientOf(name: string, scheme: DocumentNode, names: Names): Names & Pick<CredentialRule, 'clientCredentials'> {
    const tokenUrl = scheme.mapAt('flows')?.follow('clientCredentials')?.text('tokenUrl');
    if (tokenUrl === undefined || !isTokenUrl(tokenUrl) || this.#choiceOf(name)) return names;
    const { setting, formerly = '' } = names;
    const settings = { tokenUrl: `${setting}_TOKEN_URL`, scope: `${setting}_SCOPE`, audience: `${setting}_AUDIENCE` };
    const client = { tokenUrl, clientIdSetting: `${setting}_CLIENT_ID`, settings };
    return {
      ...names,
      setting: `${setting}_CLIENT_SECRET`,
      formerly: `${formerly}_CLIENT_SECRET`,
      clientCredentials: client,
    };
  }

  /** The operator's name for the setting, else one under the reserved prefix, which only a service named by the operator reads. */
  #namesFor(name: string): Names {
    const { service, named } = this.#choices;
    const choice = this.#choiceOf(name);
    if (choice && 'setting' in choice) return { setting: choice.setting };
    const setting = `${OPENAPI_PREFIX}${upperSnakeCase(service)}_${upperSnakeCase(name) || 'KEY'}`;
    return { setting, ...(!named && { unnamed: true }), formerly: formerName(service, name) };
  }

  #choiceOf(name: string): SchemeChoice | undefined {
    const { schemes } = this.#choices;
    return Object.hasOwn(schemes, name) ? schemes[name] : undefined;
  }

  /** Two schemes whose names differ only in what a setting cannot express would get each other's keys. */
  #refuseSharedSettings(name: string, rule: CredentialRule, scheme: DocumentNode): void {
    if (this.#choiceOf(name)) return;
    this.#bySetting ??= this.#schemesBySetting();
    for (const setting of settingsReadFor(rule)) {
      const other = this.#bySetting.get(setting)?.find((one) => one !== name);
      if (other === undefined) continue;
      scheme.refuse(
        `the security schemes ${JSON.stringify(name)} and ${JSON.stringify(other)} would both read ${setting}; name a setting for one of them (--key SCHEME=SETTING, or credentials in code)`,
      );
    }
  }

  #schemesBySetting(): ReadonlyMap<string, readonly string[]> {
    const schemes = new Map<string, string[]>();
    for (const [name] of this.#root.mapAt('components')?.mapAt('securitySchemes')?.entries() ?? []) {
      const rule = this.#choiceOf(name) ? undefined : this.#usableRule(name);
      for (const setting of rule ? settingsReadFor(rule) : [])
        schemes.set(setting, [...(schemes.get(setting) ?? []), name]);
    }
    return schemes;
  }

  /** Undefined for a scheme that cannot be used, which is refused where an operation names it. */
  #usableRule(name: string): CredentialRule | undefined {
    try {
      const scheme = this.#isUsable(name) && !this.#isCertificate(name) ? this.#scheme(name) : undefined;
      return scheme && this.#describedRule(name, scheme);
    } catch {
      return undefined;
    }
  }

  /** Names of fields that can only be this key: an API key's own ones. A field called like a way to sign in may be anything. */
  #fieldsOf(scheme: string, { name, scheme: kind }: CredentialRule): string[] {
    if (kind !== undefined) return [];
    const short = withoutPrefix(name, this.#choices.service);
    return [
      bareName(scheme),
      bareName(name),
      bareName(name.replace(/^x-/i, '')),
      ...(looksSecret(short) ? [short] : []),
    ];
  }

  #fixedHeader(scheme: string, rule: CredentialRule): string {
    if (rule.in === 'header' && rule.scheme === undefined) return rule.name;
    throw new TypeError(
      `credentials.${scheme}.value: only an API key in a header can have a fixed value; name a setting instead.`,
    );
  }
}

/** The setting that version 0.1.0 read: `PLAID_CLIENT_ID` for `clientId`, and `PLAID_VERSION` for `plaidVersion`. */
function formerName(service: string, name: string): string {
  const prefix = upperSnakeCase(service);
  const own = upperSnakeCase(name) || 'KEY';
  return own === prefix ? `${prefix}_KEY` : own.startsWith(`${prefix}_`) ? own : `${prefix}_${own}`;
}

/** Where a client's secret may go: by https, or to the service itself. */
function isTokenUrl(text: string): boolean {
  if (/^\/(?!\/)[^#]*$/.test(text)) return true;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return (
    url?.protocol === 'https:' &&
    url.username === '' &&
    url.password === '' &&
    url.hash === '' &&
    text.startsWith('https://')
  );
}

function refuseSetting(option: string, setting: string): void {
  if (!SETTING.test(setting))
    throw new TypeError(`${option}: "${setting}" is not a valid name of a setting; write for example SHOP_API_KEY.`);
  const why = whyNotImported(setting);
  if (why !== undefined)
    throw new TypeError(
      `${option}: ${setting} cannot be the key of an imported service, since ${why}. Name a setting of its own, for example SHOP_API_KEY.`,
    );
}

/** Returns why a key cannot be put there; undefined where it can. */
function whyNoPlace(place: SignInRule['in'], name: string): string | undefined {
  if (place !== 'query' && !TOKEN.test(name)) return `${JSON.stringify(name)} is not a valid name for a ${place}`;
  return place === 'header' && FRAMING.has(name.toLowerCase())
    ? `the header ${JSON.stringify(name)} is decided by the sender and cannot hold a key`
    : undefined;
}

/** Headers are named in small letters. */
function asSent(rule: SignInRule): SignInRule {
  return rule.in === 'header' ? { ...rule, name: rule.name.toLowerCase() } : rule;
}

function refuseSignIn({ setting, in: place, name }: SignInRule): void {
  refuseSetting(`signIn.${name}`, setting);
  const why = whyNoPlace(place, name);
  if (why !== undefined) throw new TypeError(`signIn: ${why}.`);
}

function withoutPrefix(name: string, service: string): string {
  const bare = bareName(name);
  const prefix = bareName(service);
  return bare.startsWith(prefix) && bare.length > prefix.length ? bare.slice(prefix.length) : bare;
}
