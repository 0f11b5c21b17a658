import type { DocumentNode } from '../document/document-node';
import { camelCase } from './names';

/** The addresses of a service, by environment. */
export interface Servers {
  environments: Readonly<Record<string, string>>;
  defaultEnvironment: string;
  productionEnvironments: readonly string[];
  /** What the document leaves open. */
  open?: string;
  /** The document names no address that can be called. */
  isOpen?: true;
}

/** Words for places without real people's data, the first ones meant most for that. */
const SANDBOX_WORDS = ['sandbox', 'test', 'testing', 'staging', 'stage', 'development', 'dev', 'demo', 'mock', 'qa', 'uat', 'preview', 'local', 'localhost'];
const PRODUCTION_WORDS = ['production', 'prod', 'live'];
/** Environments that the values of server variables may make. */
const MAX_ENVIRONMENTS = 12;
/** Characters of a server's URL; each of its variables is filled in by a search of its own. */
const MAX_URL = 2_000;

interface Server {
  url: string;
  name: string;
  words: string[];
}

/** The servers of a document, path or operation. A sandbox is the default where there is one; production has to be named. */
export function readServers(servers: DocumentNode | undefined, location: string): Servers {
  const found = (servers?.target().elements() ?? []).flatMap((server) => serversOf(server.target(), location));
  const usable = found.filter(({ url }) => /^https?:\/\/[^/?#]+(\/[^?#]*[^/?#])?$/.test(url));
  if (usable.length === 0) {
    const open = 'the document names no address that can be called; set the base URL';
    return { environments: { default: `http://localhost${pathOf(found[0]?.url)}` }, defaultEnvironment: 'default', productionEnvironments: [], open, isOpen: true };
  }
  const named = withNames(usable.slice(0, MAX_ENVIRONMENTS));
  const isProduction = ({ words }: Server): boolean => PRODUCTION_WORDS.some((word) => words.includes(word));
  const harmless = SANDBOX_WORDS.map((word) => named.find((server) => server.words.includes(word) && !isProduction(server))).find((server) => server !== undefined);
  const fallback = named.find((server) => !isProduction(server)) ?? named[0];
  return {
    environments: Object.fromEntries(named.map(({ name, url }) => [name, url])),
    defaultEnvironment: (harmless ?? fallback)?.name ?? 'default',
    productionEnvironments: named.filter(isProduction).map(({ name }) => name),
    ...(named.length > 1 && !harmless && { open: 'no server looks like a sandbox; say which one is the default, and which hold real data' }),
  };
}

function serversOf(server: DocumentNode, location: string): Server[] {
  const template = server.text('url') ?? server.refuse('a server must have a url');
  if (template.length > MAX_URL) server.refuse(`its url has more than ${MAX_URL} characters`);
  const description = server.text('description') ?? '';
  return filled(template, server.mapAt('variables')).map(({ url, values }) => {
    const absolute = URL.canParse(url, location) && (/^https?:/.test(location) || /^https?:/.test(url)) ? new URL(url, location).href : url;
    const words = `${values.join(' ')} ${description} ${hostOf(absolute)}`.toLowerCase().split(/[^a-z0-9]+/).filter(Boolean);
    return { url: (absolute.split(/[?#]/, 1)[0] ?? '').replace(/(?<!\/)\/+$/, ''), name: values.join(' ') || description, words };
  });
}

/** The template with its variables filled in: with each of a variable's values, where it lists them. */
function filled(template: string, variables: DocumentNode | undefined): { url: string; values: string[] }[] {
  let made = [{ url: template, values: [] as string[] }];
  for (const [, variable = ''] of template.matchAll(/\{([^{}]*)\}/g)) {
    const node = variables?.follow(variable);
    const listed = node?.follow('enum')?.elements().map(({ value }) => String(value)) ?? [];
    const usual = node?.text('default') ?? '';
    const choices = listed.length > 1 ? [...new Set([...(usual === '' ? [] : [usual]), ...listed])] : [usual];
    if (made.length * choices.length > MAX_ENVIRONMENTS) choices.splice(1);
    made = made.flatMap(({ url, values }) => choices.map((choice) => ({ url: url.replace(`{${variable}}`, () => choice), values: choices.length > 1 ? [...values, choice] : values })));
  }
  return made;
}

/** Short names that say what people say: `sandbox`, `production`; else the description's or the host's own words. */
function withNames(servers: readonly Server[]): Server[] {
  if (servers.length === 1) return servers.map((server) => ({ ...server, name: 'default' }));
  const taken = new Set<string>();
  return servers.map((server) => {
    const known = [...SANDBOX_WORDS, ...PRODUCTION_WORDS].find((word) => server.words.includes(word));
    const words = server.name.split(/\s+/).length <= 3 ? camelCase(server.name) : '';
    const wish = known ?? (words || camelCase(hostOf(server.url)) || 'server');
    let name = wish;
    for (let number = 2; taken.has(name); number += 1) name = `${wish}${number}`;
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
