// What the page says about a new password before the server judges it.

/** As the server asks for. */
export const SHORTEST = 12;

export function passwordFault(password: string, again: string): string | undefined {
  if (password !== '' && password.length < SHORTEST) return `At least ${SHORTEST} characters`;
  return again !== '' && again !== password ? 'The two are not the same' : undefined;
}
