// What the keys do on the page of events.

import { Dialog } from './parts';

const KEYS: [keys: string[], meaning: string][] = [
  [['j', '↓'], 'Next, older event'],
  [['k', '↑'], 'Previous, newer event'],
  [['c'], 'Confirm the alarm'],
  [['d'], 'Dismiss the alarm'],
  [['u'], 'Mark it as new again'],
  [['b'], 'Show or hide boxes'],
  [['p'], 'Play the clip, or show the picture'],
  [['Esc'], 'Close the event'],
  [['?'], 'This list'],
];

export function KeyHelp({ onClose }: { onClose(): void }) {
  return (
    <Dialog title="Keys" onClose={onClose}>
      <dl className="facts keys">
        {KEYS.map(([keys, meaning]) => (
          <div key={meaning}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
