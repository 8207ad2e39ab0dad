// The models, each to be tried on a picture.

import { Link } from 'wouter';
import { useModels } from '../api/queries';
import { ModelCard } from '../components/model-card';
import { Loaded, Nothing, Skeleton } from '../components/parts';
import { Page } from '../components/shell';
import { useTitle } from '../lib/hooks';

export function ModelsPage() {
  useTitle('Models');
  const models = useModels();
  return (
    <Page title={<h1>Models</h1>}>
      <p className="muted">
        Drop a picture on a model to see what it finds. The picture is not kept. Programs ask the same of{' '}
        <Link href="/reference">the API</Link>, with a <Link href="/tokens">token</Link> of the scope{' '}
        <code>infer</code>.
      </p>
      <Loaded query={models} waiting={<Skeleton height="24rem" />}>
        {(models) =>
          models.length > 0 ? (
            models.map((model) => <ModelCard key={model.name} model={model} />)
          ) : (
            <div className="card">
              <Nothing icon="layers" title="No models">
                <p>
                  Models are named in the configuration file. Why one cannot be used stands on the page
                  System.
                </p>
              </Nothing>
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}
