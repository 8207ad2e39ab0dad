// Who looks at the page, and what that person may do. The server decides; this only hides what it would refuse.

import { createContext, type ReactNode, useContext } from 'react';
import type { Session, User } from '../api/types';

const Context = createContext<User | null>(null);

export function SessionProvider({ session, children }: { session: Session; children: ReactNode }) {
  return <Context value={session.user}>{children}</Context>;
}

export function useUser(): User {
  const user = useContext(Context);
  if (!user) throw new Error('there is no session here');
  return user;
}

export const useMayOperate = () => useUser().role !== 'viewer';
export const useMayAdminister = () => useUser().role === 'admin';
