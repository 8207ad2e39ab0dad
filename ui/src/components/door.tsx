// The frame of what stands before the page: sign-in and set-up.

import type { ReactNode } from 'react';

export function Door({ title, children }: { title: string; children: ReactNode }) {
  return (
    <main className="door">
      <div className="card stack">
        <div className="brand">
          <img src="/favicon.svg" alt="" />
          <span>Iris</span>
        </div>
        <h1>{title}</h1>
        {children}
      </div>
    </main>
  );
}
