import { isLoopback } from 'temporal-http-tasks/internal/transport/url-text';
import type { DocumentNode } from '../document/document-node';
import { camelCase } from './names';

/** The addresses of a service, by environment. */
export interface Servers {
  environments: Readonly<Record<string, string>>;
  /** Undefined where several servers could be meant and none looks like a sandbox: a person has to choose. */
  defaultEnvironment?: string;
  productionEnvironments: readonly string[];
  /** What the document leaves open. */
  open: readonly string[];
  /** The only server, where it is taken and counts as production. */
  only?: string;
  /** The document names no address that can be called. */
  isOpen?: true;
}

/** Words for places without real people's data, the first ones meant most for that. */
export const SANDBOX_WORDS: readonly string[] = [
  'sandbox',
  'test',
  'testing',
  'staging',
  'stage',
  'development',
  'dev',
  'demo',
  'mock',
  'qa',
  'uat',
  'preview',
  'local',
  'localhost',
];
const PRODUCTION_WORDS = ['production', 'prod', 'live'];
/** Environments that the values of server variables may make. */
const MAX_ENVIRONMENTS = 40;
/** Characters of a server's URL; each of its variables is filled in by a search of its own. */
const MAX_URL = 2_000;

/** A longer description explains, and may name places that the server is not. */
const MAX_DESCRIPTION_WORDS = 10;

interface Server {
  url: string;
  name: string;
  words: string[];
}

/** Addresses that a server's template makes. */
interface Filled {
  servers: Server[];
  /** Variables that have neither values nor a default. */
  unfilled: readonly string[];
  /** Variables with a default and no list of values, which may belong to others. */
  defaulted: readonly string[];
  /** Some values were left out, since there are too many. */
  isCut: boolean;
  /** Where a server has a query, which a base URL cannot have. */
  withQuery?: string;
}

/**
 * The servers of a document, path or operation. A sandbox is the default where there is one. Of several others none is, since
 * each may be the live system of another region; a single one is taken. All but sandboxes and this machine are production.
 */
export function readServers(servers: DocumentNode | undefined, location: string): Servers {
  const found = (servers?.target().elements() ?? []).map((server) => filledServers(server.target(), location));
  const all = found.flatMap(({ servers: some }) => some);
  const usable = all.filter(
    ({ url }, place) => isAddress(url) && all.findIndex((other) => other.url === url) === place,
  );
  const unfilled = found.flatMap((one) => one.unfilled);
  const isCut = usable.length > MAX_ENVIRONMENTS || found.some((one) => one.isCut);
  const open = [
    ...(unfilled.length === 0
      ? []
      : [
          `the variables ${unfilled.join(', ')} have no default, so that the servers with them are left out; set the base URL to use one`,
        ]),
    ...found.flatMap(({ defaulted }) =>
      defaulted.map(
        (variable) => `the variable ${variable} is filled with its default; set the base URL if yours is another`,
      ),
    ),
    ...found.flatMap(({ withQuery }) =>
      withQuery === undefined
        ? []
        : [
            `the server at ${withQuery} has a query in its url, so that it is left out; set the base URL to use it, and describe the query as parameters of its operations`,
          ],
    ),
    ...(isCut ? ['there are too many addresses to list; set the base URL to use another one'] : []),
  ];
  if (usable.length === 0)
    return { environments: {}, productionEnvironments: [], open: [noAddress(all), ...open], isOpen: true };
  const isOnly = usable.length === 1 && unfilled.length === 0 && !isCut && !found.some((one) => one.withQuery);
  const named = withNames(usable.slice(0, MAX_ENVIRONMENTS), isOnly);
  const harmless = SANDBOX_WORDS.map((word) =>
    named.find((server) => server.words.includes(word) && isHarmless(server)),
  ).find((server) => server !== undefined);
  const byDefault = isOnly ? named[0] : (harmless ?? named.find(isHarmless));
  const production = named.filter((server) => !isHarmless(server)).map(({ name }) => name);
  return {
    environments: Object.fromEntries(named.map(({ name, url }) => [name, url])),
    ...(byDefault && { defaultEnvironment: byDefault.name }),
    productionEnvironments: production,
    open: [
      ...(byDefault
        ? []
        : [
            `no server looks like a sandbox, so that none is the default and all count as production; choose one of ${choices(named)}`,
          ]),
      ...open,
    ],
    ...(isOnly && production.length > 0 && { only: usable[0]?.url ?? '' }),
  };
}

/** The servers at one address that a person gave. */
export function serversAt(baseUrl: string): Servers {
  const url = baseUrl.replace(/(?<!\/)\/+$/, '');
  const isProduction = !isHarmless({ url, name: 'default', words: wordsIn(hostOf(url)) });
  return {
    environments: { default: url },
    defaultEnvironment: 'default',
    productionEnvironments: isProduction ? ['default'] : [],
    open: [],
  };
}

function isAddress(url: string): boolean {
  return /^https?:\/\/[^/?#]+(\/[^?#]*[^/?#])?$/.test(url);
}

/** Whether a server is this machine, or is called a place without real people's data. */
function isHarmless({ url, words }: Server): boolean {
  if (isLoopback(hostOf(url))) return true;
  return SANDBOX_WORDS.some((word) => words.includes(word)) && !PRODUCTION_WORDS.some((word) => words.includes(word));
}

function choices(servers: readonly Server[]): string {
  return servers.map(({ name, url }) => `${name} (${url})`).join(', ');
}

function noAddress(servers: readonly Server[]): string {
  const path = servers.map(({ url }) => pathOf(url)).find((one) => one !== '');
  return `the document names no address that can be called; set the base URL${path === undefined ? '' : `, with ${path} at its end`}`;
}

function filledServers(server: DocumentNode, location: string): Filled {
  const template = server.text('url') ?? server.refuse('a server must have a url');
  if (template.length > MAX_URL) server.refuse(`its url has more than ${MAX_URL} characters`);
  const variables = server.mapAt('variables');
  const names = [...new Set([...template.matchAll(/\{([^{}]*)\}/g)].map(([, name = '']) => name))];
  const values = new Map(names.map((name) => [name, valuesOf(variables?.follow(name), isInHost(template, name))]));
  const unfilled = names.filter((name) => values.get(name)?.length === 0);
  if (unfilled.length > 0) return { servers: [], unfilled, defaulted: [], isCut: false };
  const description = server.text('description') ?? '';
  const { made, isCut } = combined(template, values);
  if (made.some(({ url }) => /\?[^#]/.test(url)))
    return { servers: [], unfilled, defaulted: [], isCut, withQuery: server.place };
  const servers = made.map(({ url, chosen }) => {
    const absolute =
      URL.canParse(url, location) && (/^https?:/i.test(location) || /^https?:/i.test(url))
        ? new URL(url, location).href
        : url;
    const descriptionWords = wordsIn(description);
    const words = [
      ...wordsIn(chosen.join(' ')),
      ...(descriptionWords.length > MAX_DESCRIPTION_WORDS ? [] : descriptionWords),
      ...wordsIn(hostOf(absolute)),
    ];
    return {
      url: (absolute.split(/[?#]/, 1)[0] ?? '').replace(/(?<!\/)\/+$/, ''),
      name: chosen.join(' ') || description,
      words,
    };
  });
  const defaulted = names.filter(
    (name) =>
      values.get(name)?.length === 1 &&
      variables?.follow(name)?.follow('enum') === undefined &&
      isInHost(template, name),
  );
  return { servers, unfilled, defaulted, isCut };
}

/** A variable's values, its default in front; none where the document gives none. */
function valuesOf(variable: DocumentNode | undefined, inHost: boolean): string[] {
  const listed = variable?.follow('enum')?.elements() ?? [];
  const usual = variable?.at('default');
  return [...new Set([...(usual ? [usual] : []), ...listed].map(({ value }) => textOf(value)))].filter(
    (value) => value !== '' || !inHost,
  );
}

/** A value as written in a URL: documents write versions and ports as numbers. */
function textOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** Each variable with each of its values, as far as that makes a list that people can choose from. */
function combined(
  template: string,
  values: ReadonlyMap<string, readonly string[]>,
): { made: { url: string; chosen: string[] }[]; isCut: boolean } {
  let made = [{ url: template, chosen: [] as string[] }];
  let isCut = false;
  for (const [variable, all] of values) {
    const fits = made.length * all.length <= MAX_ENVIRONMENTS;
    const some = fits ? all : all.slice(0, 1);
    isCut ||= !fits;
    made = made.flatMap(({ url, chosen }) =>
      some.map((value) => ({
        url: url.replaceAll(`{${variable}}`, () => value),
        chosen: all.length > 1 ? [...chosen, value] : chosen,
      })),
    );
  }
  return { made, isCut };
}

/** Whether a variable decides whose server it is. */
function isInHost(template: string, variable: string): boolean {
  const authority = /^[a-z]+:\/\/[^/]*/i.exec(template)?.[0] ?? '';
  const name = `{${variable}}`;
  return ['//', '.'].some((before) => authority.includes(before + name)) || authority.includes(`${name}.`);
}

function wordsIn(text: string): string[] {
  return text
    .toLowerCase()
    .split(/[^a-z0-9]+/)
    .filter(Boolean);
}

/** Short names that say what people say: `sandbox`, `production`; else the description's or the host's own words. */
function withNames(servers: readonly Server[], isOnly: boolean): Server[] {
  if (isOnly) return servers.map((server) => ({ ...server, name: 'default' }));
  const taken = new Set<string>();
  return servers.map((server) => {
    const known = [...SANDBOX_WORDS, ...PRODUCTION_WORDS].find((word) => server.words.includes(word));
    const words = server.name.split(/\s+/).length <= 3 ? camelCase(server.name) : '';
    const preferred = known ?? (words || camelCase(hostOf(server.url)) || 'server');
    let name = preferred;
    for (let number = 2; taken.has(name); number += 1) name = `${preferred}${number}`;
    taken.add(name);
    return { ...server, name };
  });
}

function hostOf(url: string): string {
  return URL.canParse(url) ? new URL(url).hostname : '';
}

function pathOf(url: string | undefined): string {
  return url !== undefined && /^\/[^?#]*[^/?#]$/.test(url) ? url : '';
}
