/** Runs `task` with the rights of an ordinary user: root is refused nothing, so a test could not see a refusal. */
const NOBODY = 65_534;

export function withoutRoot<Result>(task: () => Result): Result {
  const { geteuid, seteuid } = process;
  if (geteuid === undefined || seteuid === undefined || geteuid() !== 0) return task();
  seteuid(NOBODY);
  try {
    return task();
  } finally {
    seteuid(0);
  }
}
