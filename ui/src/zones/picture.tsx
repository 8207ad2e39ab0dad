// A camera's picture of now to draw on, asked for again on request; without one, an empty board of the same shape.

import { useState } from 'react';
import { url } from '../api/client';
import { Icon } from '../components/icon';

export function Picture({ camera }: { camera: string }) {
  const [taken, setTaken] = useState(0);
  const [missing, setMissing] = useState(false);
  const again = () => {
    setMissing(false);
    setTaken(taken + 1);
  };
  return (
    <>
      {missing ? (
        <div className="no-picture">
          <Icon name="picture" />
          <span>There is no picture now. You can draw all the same.</span>
        </div>
      ) : (
        <img
          key={taken}
          src={`${url(`/cameras/${encodeURIComponent(camera)}/snapshot`)}?${taken}`}
          alt="What the camera sees"
          draggable={false}
          onError={() => setMissing(true)}
        />
      )}
      <button type="button" className="button icon-only retake" title="Take a new picture" onClick={again}>
        <Icon name="refresh" />
        <span className="visually-hidden">Take a new picture</span>
      </button>
    </>
  );
}
