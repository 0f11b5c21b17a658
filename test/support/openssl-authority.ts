import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const CONFIG = `
[req]
distinguished_name = name
prompt = no
[name]
CN = An authority
[ca]
basicConstraints = critical,CA:TRUE
[clock]
extendedKeyUsage = critical,timeStamping
[tsa]
default_tsa = clock_tsa
[clock_tsa]
serial = serial
default_policy = 1.2.3.4
digests = sha1, sha256, sha384, sha512
signer_digest = sha256
ess_cert_id_chain = no
ess_cert_id_alg = sha256
`;

const KEYS = {
  RSA: ['-newkey', 'rsa:2048'],
  ECDSA: ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'],
} as const;

/** A time-stamping authority of OpenSSL's, in a folder. Fails where there is no `openssl`. */
export class OpensslAuthority {
  constructor(
    private readonly folder: string,
    kind: keyof typeof KEYS,
  ) {
    writeFileSync(path.join(folder, 'tsa.cnf'), CONFIG);
    writeFileSync(path.join(folder, 'serial'), '01\n');
    const newKey = ['req', '-nodes', '-config', 'tsa.cnf', ...KEYS[kind]];
    this.#run([...newKey, '-x509', '-extensions', 'ca', '-days', '30', '-keyout', 'ca.key', '-out', 'ca.pem']);
    this.#run([...newKey, '-new', '-subj', '/CN=A clock', '-keyout', 'clock.key', '-out', 'clock.csr']);
    const issued = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '20'];
    const extensions = ['-extfile', 'tsa.cnf', '-extensions', 'clock'];
    this.#run(['x509', '-req', '-in', 'clock.csr', ...issued, ...extensions, '-out', 'clock.pem']);
  }

  /** The certificate of the authority, in PEM. */
  get certificate(): string {
    return readFileSync(path.join(this.folder, 'ca.pem'), 'utf8');
  }

  /** Returns the response to a query of a text, made as docs/evidence.md says. */
  stamp(text: string, digest = 'sha256'): Buffer {
    writeFileSync(path.join(this.folder, 'note'), text);
    this.#run(['ts', '-query', '-data', 'note', `-${digest}`, '-cert', '-out', 'request.tsq']);
    const signer = ['-signer', 'clock.pem', '-inkey', 'clock.key'];
    this.#run([
      ...['ts', '-reply', '-config', 'tsa.cnf', '-section', 'clock_tsa'],
      ...['-queryfile', 'request.tsq', ...signer, '-out', 'response.tsr'],
    ]);
    return readFileSync(path.join(this.folder, 'response.tsr'));
  }

  /** Whether `openssl ts -verify` accepts a response. */
  accepts(response: Buffer, text: string, certificate = this.certificate): boolean {
    for (const [file, content] of [
      ['note', text],
      ['response.tsr', response],
      ['trusted.pem', certificate],
    ] as const)
      writeFileSync(path.join(this.folder, file), content);
    try {
      this.#run(['ts', '-verify', '-data', 'note', '-in', 'response.tsr', '-CAfile', 'trusted.pem']);
      return true;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw error;
      return false;
    }
  }

  #run(args: readonly string[]): void {
    execFileSync('openssl', args, { cwd: this.folder, stdio: 'pipe' });
  }
}
