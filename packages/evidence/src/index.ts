/** `@temporal-http-tasks/evidence`: a report on a sweep as one HTML page, and a verifier of bundles. */
export { reportOnSweep } from './report/sweep-report';
export type { ReportLedger } from './report/report-data';
export { verifyBundle } from './verifier/verify-bundle';
export type { Anchors, EvidenceDifference, EvidenceVerification, VerifiedSection } from './verifier/verify-bundle';
export { webCrypto } from './verifier/encoding';
export type { EvidenceCrypto } from './verifier/encoding';
