/** A server's password comes in its URL or, better, in a file of its own. */
import type { ServerAddress } from '#infrastructure/common/server-address.ts';
import { readSecretFile } from '#infrastructure/core/config.ts';
import { OperatingError } from '#infrastructure/core/operating-error.ts';

/** Throws an `OperatingError` for a file that cannot be read, and for two passwords. */
export function withPasswordOf(option: string, address: ServerAddress, file: string | null): ServerAddress {
  if (file === null) return address;
  if (address.password !== null) {
    throw new OperatingError(
      'CONFIG_CONFLICT',
      `The option ${option} has a password in its URL, and ${option}_password_file names another: leave one out.`,
      { retry: 'never' },
    );
  }
  return { ...address, password: readSecretFile(`${option}_password_file`, file) };
}
