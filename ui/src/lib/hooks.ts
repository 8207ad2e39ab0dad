// Small hooks that know nothing of cameras.

import { type RefObject, useEffect, useRef, useState } from 'react';

/** Whether the element is on the screen, or nearly, and the page itself is shown. */
export function useVisible(element: RefObject<Element | null>): boolean {
  const [visible, setVisible] = useState(false);
  useEffect(() => {
    const target = element.current;
    if (!target) return;
    let inView = false;
    const update = () => setVisible(inView && !document.hidden);
    const observer = new IntersectionObserver(
      ([entry]) => {
        inView = entry?.isIntersecting ?? false;
        update();
      },
      { rootMargin: '100px' },
    );
    observer.observe(target);
    document.addEventListener('visibilitychange', update);
    return () => {
      observer.disconnect();
      document.removeEventListener('visibilitychange', update);
    };
  }, [element]);
  return visible;
}

/** Whether the keystroke is meant for what has the focus, not for the page. */
function isTaken(event: KeyboardEvent): boolean {
  if (event.ctrlKey || event.metaKey || event.altKey || event.defaultPrevented) return true;
  if (document.querySelector('dialog[open]')) return true;
  const target = event.target as HTMLElement | null;
  if ((event.key === 'Enter' || event.key === ' ') && target?.closest?.('button, a, summary')) return true;
  return Boolean(target?.closest?.('input:not([type=checkbox]), select, textarea, [contenteditable]'));
}

/** Calls the action of a key while nobody types into a field; `keys` names keys as `KeyboardEvent.key` does. */
export function useKeys(keys: Record<string, () => void>): void {
  const newest = useRef(keys);
  useEffect(() => {
    newest.current = keys;
  });
  useEffect(() => {
    const press = (event: KeyboardEvent) => {
      const action = newest.current[event.key];
      if (!action || isTaken(event)) return;
      event.preventDefault();
      action();
    };
    document.addEventListener('keydown', press);
    return () => document.removeEventListener('keydown', press);
  }, []);
}

export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Iris`;
  }, [title]);
}
