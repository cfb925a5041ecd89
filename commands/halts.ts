/** What `breaker show` and `kill-switch show` say of the accounts that no list has room for. */

export function describeUnlisted(partitions: readonly { readonly unlisted: number }[]): readonly string[] {
  const unlisted = partitions.reduce((sum, each) => sum + each.unlisted, 0);
  if (unlisted === 0) return [];
  const whose = unlisted === 1 ? '1 account more is' : `${unlisted} accounts more are`;
  return [`${whose} halted, by a kill switch of their own or by a breaker: too many to list.`];
}
