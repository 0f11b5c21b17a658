import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync, statSync } from 'node:fs';
import { parseOrigin } from './base-url';
import { readList, readText } from './env';
import type { Env } from './env';
import type { ProblemList } from './problems';
import { Secret } from './secret';

const PREFIX = 'HTTP_TASKS_TLS_';
const NAME = /^HTTP_TASKS_TLS_([A-Z0-9_]+?)_(?:ORIGIN|CERT_FILE|KEY_FILE|CA_FILE|KEY_PASSPHRASE(?:_FILE)?)$/;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

/** Material for TLS connections, in PEM. */
export interface TlsMaterial {
  /** The client's certificate, followed by intermediate certificates. */
  cert?: string;
  key?: string;
  passphrase?: string;
  /** Authorities that are trusted instead of the system's. */
  ca?: string;
}

interface TlsFiles {
  cert?: string;
  key?: string;
  ca?: string;
}

type Part = keyof TlsFiles;

/** A problem with one of the files. */
interface WrongFile {
  part: Part;
  message: string;
}

/** A client certificate, trusted authorities, or both, for connections to some origins. */
export class TlsIdentity {
  readonly name: string;
  readonly #files: TlsFiles;
  readonly #passphrase: Secret | undefined;
  #material: TlsMaterial;
  #stamp: string;

  constructor(name: string, files: TlsFiles, passphrase: Secret | undefined, material: TlsMaterial) {
    this.name = name;
    this.#files = files;
    this.#passphrase = passphrase;
    this.#material = material;
    this.#stamp = stampOf(files);
  }

  /**
   * Returns the material for new connections; the same object until a file is replaced. If files are missing or do not
   * match, for example because only some of them have been replaced so far, the old material stays in use.
   */
  material(): TlsMaterial {
    const stamp = stampOf(this.#files);
    if (stamp === this.#stamp) return this.#material;
    this.#passphrase?.reload();
    const read = readMaterial(this.#files, this.#passphrase?.value);
    if ('message' in read) return this.#material;
    this.#stamp = stamp;
    this.#material = read;
    return read;
  }
}

/** Reads every `HTTP_TASKS_TLS_<NAME>_…`; returns the identities by origin. */
export function readTlsIdentities(env: Env, problems: ProblemList): ReadonlyMap<string, TlsIdentity> {
  const byOrigin = new Map<string, TlsIdentity>();
  const names = Object.entries(env).flatMap(([setting, value]) => (value ? (NAME.exec(setting)?.[1] ?? []) : []));
  for (const name of [...new Set(names)].sort()) {
    const identity = readIdentity(env, name, problems);
    for (const origin of readOrigins(env, `${PREFIX}${name}_ORIGIN`, problems)) {
      const other = byOrigin.get(origin);
      if (other)
        problems.add(`${PREFIX}${name}_ORIGIN`, `names ${origin}, which ${PREFIX}${other.name}_ORIGIN names too.`);
      else if (identity) byOrigin.set(origin, identity);
    }
  }
  return byOrigin;
}

function readIdentity(env: Env, name: string, problems: ProblemList): TlsIdentity | undefined {
  const setting = (part: Part): string => `${PREFIX}${name}_${part.toUpperCase()}_FILE`;
  const [cert, key, ca] = (['cert', 'key', 'ca'] as const).map((part) => readText(env, setting(part)));
  const files = {
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
    ...(ca !== undefined && { ca }),
  };
  if (cert === undefined && key === undefined && ca === undefined)
    problems.add(
      setting('cert'),
      `is missing; name a file with the client's certificate, or ${setting('ca')} with authorities to trust.`,
    );
  if (cert === undefined && key !== undefined)
    problems.add(setting('cert'), `is missing, and ${setting('key')} is set; a certificate and its key go together.`);
  if (cert !== undefined && key === undefined)
    problems.add(setting('key'), `is missing, and ${setting('cert')} is set; a certificate and its key go together.`);
  const passphrase = Secret.read(env, `${PREFIX}${name}_KEY_PASSPHRASE`, problems, { required: false });
  if ((cert === undefined) !== (key === undefined) || (cert ?? ca) === undefined) return undefined;
  const read = readMaterial(files, passphrase?.value);
  if (!('message' in read)) return new TlsIdentity(name, files, passphrase, read);
  problems.add(setting(read.part), read.message);
  return undefined;
}

function readOrigins(env: Env, setting: string, problems: ProblemList): string[] {
  const entries = readList(env, setting);
  if (entries.length === 0)
    problems.add(
      setting,
      'is missing; name the origin of these connections, for example https://api.example.com, or several separated by commas.',
    );
  return entries.flatMap((entry) => {
    const origin = parseOrigin(entry);
    const wrong =
      typeof origin === 'string'
        ? origin
        : origin.protocol === 'https:'
          ? undefined
          : `contains ${origin.origin}, which does not use TLS.`;
    if (wrong !== undefined) problems.add(setting, wrong);
    return wrong === undefined && typeof origin !== 'string' ? [origin.origin] : [];
  });
}

/** Reads and checks the files. Errors repeat nothing from a file. */
function readMaterial(files: TlsFiles, passphrase: string | undefined): TlsMaterial | WrongFile {
  const texts: TlsFiles = {};
  for (const part of ['cert', 'key', 'ca'] as const) {
    const file = files[part];
    if (file === undefined) continue;
    const text = readFile(file);
    if (text === undefined)
      return { part, message: `the file ${file} cannot be read; name a file that this process may read.` };
    texts[part] = text;
  }
  const wrong = whyNotAuthorities(texts.ca) ?? whyNotPair(texts, passphrase);
  return wrong ?? { ...texts, ...(passphrase !== undefined && texts.key !== undefined && { passphrase }) };
}

function whyNotAuthorities(ca: string | undefined): WrongFile | undefined {
  if (ca === undefined) return undefined;
  const blocks = ca.match(CERTIFICATE) ?? [];
  const readable = blocks.length > 0 && blocks.every((block) => certificateIn(block) !== undefined);
  return readable ? undefined : { part: 'ca', message: 'contains no certificate in PEM, or an invalid one.' };
}

function whyNotPair({ cert, key }: TlsFiles, passphrase: string | undefined): WrongFile | undefined {
  if (cert === undefined || key === undefined) return undefined;
  const certificate = certificateIn(cert);
  if (!certificate) return { part: 'cert', message: 'contains no certificate in PEM, or an invalid one.' };
  if (Date.parse(certificate.validTo) < Date.now())
    return { part: 'cert', message: `contains a certificate that expired on ${certificate.validTo}.` };
  try {
    const isOurs = certificate.checkPrivateKey(
      createPrivateKey({ key, ...(passphrase !== undefined && { passphrase }) }),
    );
    return isOurs
      ? undefined
      : {
          part: 'key',
          message: 'contains a key that does not belong to the first certificate in the certificate file.',
        };
  } catch {
    return {
      part: 'key',
      message:
        passphrase === undefined
          ? 'contains no private key in PEM that can be read without a passphrase.'
          : 'contains no private key in PEM that this passphrase decrypts.',
    };
  }
}

function certificateIn(text: string): X509Certificate | undefined {
  try {
    return new X509Certificate(text);
  } catch {
    return undefined;
  }
}

function readFile(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}

/** Returns a value that changes when a file does. */
function stampOf(files: TlsFiles): string {
  return Object.values(files)
    .map((file: string) => {
      const stat = statSync(file, { throwIfNoEntry: false, bigint: true });
      return stat ? `${stat.ino}:${stat.mtimeNs}:${stat.size}` : '';
    })
    .join(' ');
}
