// A camera's picture of now to draw on; without one, an empty board of the same shape.

import { useState } from 'react';
import { url } from '../api/client';
import { Icon } from '../components/icon';

interface PictureProps {
  camera: string;
  /** Another number asks for another picture. */
  take: number;
}

export function Picture({ camera, take }: PictureProps) {
  const [missing, setMissing] = useState<number | null>(null);
  if (missing === take) {
    return (
      <div className="no-picture">
        <Icon name="picture" />
        <span>There is no picture now. You can draw all the same.</span>
      </div>
    );
  }
  return (
    <img
      src={`${url(`/cameras/${encodeURIComponent(camera)}/snapshot`)}?take=${take}`}
      alt="What the camera sees"
      draggable={false}
      onError={() => setMissing(take)}
    />
  );
}
