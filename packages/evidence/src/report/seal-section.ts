import { quoted } from 'temporal-http-tasks/internal/policy/printable';
import { headWords } from '../head-facts';
import { html } from './markup';
import type { Markup } from './markup';
import type { ReportData } from './report-data';
import { counted, moment } from './words';

/** Describes how to verify the receipts, with space for a signature. */
export function sealSection({ sweep, head, summary: { groups } }: ReportData): Markup {
  const id = quoted(sweep.sweepId);
  const { merkleRoot, leaves = 0 } = sweep;
  const receipts = groups.reduce((sum, group) => sum + group.receipts, 0);
  if (merkleRoot === undefined) {
    return html`<section id="seal" class="card"><h2>The seal</h2>
<p class="note">This sweep is not sealed yet: its receipts can still grow. Create the report to keep after its end.</p>
</section>
`;
  }
  return html`<section id="seal" class="card"><h2>The seal</h2>
<p>At its end the sweep sealed ${counted(leaves, 'receipt')} under one Merkle root.
Any later change, addition or removal of a receipt changes the root.</p>
<p class="root"><code>${merkleRoot}</code></p>
${
  head &&
  html`<dl class="facts">
${headWords(head).map(
  ([name, value]) => html`<div class="long"><dt>${name}</dt><dd>${value}</dd></div>
`,
)}</dl>
`
}${
    sweep.purgedAt !== undefined &&
    html`<p>The receipts were purged at ${moment(sweep.purgedAt)}, after they had been kept long enough.
Their hashes are still there.</p>
`
  }${
    receipts !== leaves &&
    sweep.purgedAt === undefined &&
    html`<p><strong>The ledger has ${counted(receipts, 'receipt')} of this sweep now, so this report does not
show what was sealed. <code>http-tasks verify ${id}</code> names what differs.</strong></p>
`
  }<ol>
<li>Compare it with <code>merkleRoot</code> in the result of the workflow <code>${sweep.sweepId}</code> at Temporal,
which is stored apart from the ledger.</li>
<li><code>http-tasks verify ${id}</code> recomputes it from the receipts, compares it with that result, and names every
one that differs. Without the result it needs <code>--root</code>, the root that you kept outside the ledger, and
otherwise ends with exit code 3: not verifiable.</li>
<li><code>http-tasks receipts ${id} --bundle receipts.jsonl</code> writes the receipts with their proofs, which can be
checked without the ledger.</li>
</ol>
<p class="note">Leaves are the SHA-256 hashes of the receipts’ fields as a JSON array, in the order of the users
and then of the hashes; the tree is that of RFC 6962.</p>
<div class="sign"><p>Verified on</p><p>by</p><p>Result</p></div>
</section>
`;
}
