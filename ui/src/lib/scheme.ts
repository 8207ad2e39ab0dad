// Light or dark: the system's choice, or the one made here and kept in this browser.

import { useState } from 'react';

export type Scheme = 'system' | 'light' | 'dark';

const KEY = 'iris-scheme';

function stored(): Scheme {
  const value = localStorage.getItem(KEY);
  return value === 'light' || value === 'dark' ? value : 'system';
}

/** Shows the scheme; before the first picture of the page too, so that it does not flash. */
export function applyScheme(scheme: Scheme = stored()): void {
  if (scheme === 'system') delete document.documentElement.dataset['scheme'];
  else document.documentElement.dataset['scheme'] = scheme;
}

export function useScheme(): [Scheme, (scheme: Scheme) => void] {
  const [scheme, set] = useState(stored);
  return [
    scheme,
    (chosen) => {
      if (chosen === 'system') localStorage.removeItem(KEY);
      else localStorage.setItem(KEY, chosen);
      applyScheme(chosen);
      set(chosen);
    },
  ];
}
