import type { RunLine, RunPage } from '../gateway/wire.js';
import { element, freshId } from './dom.js';
import type { Child } from './dom.js';
import { facts } from './page-parts.js';

/** An approval of a sweep; signed where the policy of the workers requires it. */
export interface Approval {
  total: number;
  by: string;
  signature?: string;
}

/** The approval of a sweep by typing the number of its users. */
export function typedApproval({ progress }: RunLine, approve: (approval: Approval) => void): HTMLElement {
  const [totalId, byId] = [freshId('total'), freshId('by')];
  const total = element('input', { attributes: { id: totalId, inputmode: 'numeric', autocomplete: 'off' } });
  const by = element('input', { attributes: { id: byId, autocomplete: 'off' } });
  return approvalForm(
    () => approve({ total: Number(total.value), by: by.value }),
    element('label', {
      text: `Enter the number of users (${progress?.total?.toLocaleString('en') ?? 'not known yet'}) to approve`,
      attributes: { for: totalId },
    }),
    total,
    element('label', { text: 'Approved by (not verified)', attributes: { for: byId } }),
    by,
  );
}

/** The approval of a sweep by a signature, which is made elsewhere and pasted: the page never has a private key. */
export function signedApproval(
  { workflowId, progress }: RunLine,
  { environment, signatures, signedBy, snapshotDigest, planDigest }: NonNullable<RunPage['toSign']>,
  { approve, refuse }: { approve: (approval: Approval) => void; refuse: (why: string) => void },
): HTMLElement {
  const id = freshId('signed');
  const text = element('textarea', {
    class: 'code',
    attributes: { id, rows: '5', spellcheck: 'false', autocomplete: 'off', 'aria-describedby': `${id}-hint` },
  });
  const command = `http-tasks sweep approve ${workflowId} --total ${progress?.total ?? 'N'} --by YOUR_NAME --key FILE --print`;
  const onSubmit = (): void => {
    const read = readSigned(text.value);
    if (typeof read !== 'string') {
      approve(read);
      return;
    }
    // It may be a key, which must not stay in the page.
    text.value = '';
    refuse(read);
  };
  return approvalForm(
    onSubmit,
    element('p', {
      text: `The policy of the workers requires ${signatures === 1 ? 'a signature' : `${signatures} signatures`}; signed so far: ${signedBy.length === 0 ? 'none' : signedBy.join(', ')}.`,
    }),
    facts([
      ['Environment', environment],
      ['Digest of the users', element('code', { text: snapshotDigest })],
      ['Digest of the plan', element('code', { text: planDigest })],
    ]),
    element('label', { text: 'Signed approval', attributes: { for: id } }),
    text,
    element(
      'p',
      { class: 'hint', attributes: { id: `${id}-hint` } },
      'Run this where the private key is, and paste what it prints: ',
      element('code', { text: command }),
      '. Never paste a private key.',
    ),
  );
}

function approvalForm(onSubmit: () => void, ...children: Child[]): HTMLElement {
  const submit = (event: Event): void => {
    event.preventDefault();
    onSubmit();
  };
  return element(
    'form',
    { class: 'approval', on: { submit } },
    ...children,
    element('button', { text: 'Approve', class: 'danger', attributes: { type: 'submit' } }),
  );
}

/** Returns a pasted approval, or what is wrong with it. */
function readSigned(text: string): { total: number; by: string; signature: string } | string {
  if (/PRIVATE KEY/.test(text))
    return 'This is a private key and was not sent. Sign with http-tasks sweep approve --key FILE --print, and paste what it prints.';
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    value = undefined;
  }
  const { total, by, signature } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  if (typeof total === 'number' && typeof by === 'string' && typeof signature === 'string')
    return { total, by, signature };
  return 'This is not a signed approval. Paste the whole JSON that http-tasks sweep approve --key FILE --print prints.';
}
