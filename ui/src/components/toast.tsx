// Short messages that pass by: what was done, without asking for anything.

import { createContext, type ReactNode, useCallback, useContext, useState } from 'react';

const SHOWN = 4_000;

const Context = createContext<(text: string) => void>(() => undefined);

export function ToastProvider({ children }: { children: ReactNode }) {
  const [toasts, setToasts] = useState<{ id: number; text: string }[]>([]);
  const tell = useCallback((text: string) => {
    const toast = { id: performance.now(), text };
    setToasts((now) => [...now.slice(-2), toast]);
    setTimeout(() => setToasts((now) => now.filter(({ id }) => id !== toast.id)), SHOWN);
  }, []);
  return (
    <Context value={tell}>
      {children}
      <div className="toasts" role="status">
        {toasts.map(({ id, text }) => (
          <div key={id} className="toast">
            {text}
          </div>
        ))}
      </div>
    </Context>
  );
}

/** Shows a short message for a while. */
export const useToast = () => useContext(Context);
