/** An activity that was there before: it closes the account in your own database. */
export async function closeAccountRecord(record: { accountId: string; offboarding: string }): Promise<string> {
  return `account ${record.accountId} closed, offboarding ${record.offboarding}`;
}
