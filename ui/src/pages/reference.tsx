// The API, described by the server, to read and to try.

import { useQuery } from '@tanstack/react-query';
import { Loaded, Skeleton } from '../components/parts';
import { useUser } from '../components/session';
import { Page } from '../components/shell';
import { useTitle } from '../lib/hooks';

export function ReferencePage() {
  useTitle('API');
  const user = useUser();
  // Large, so it is fetched only here.
  const swagger = useQuery({
    queryKey: ['swagger'],
    queryFn: () => import('../components/swagger'),
    staleTime: Number.POSITIVE_INFINITY,
  });
  return (
    <Page title={<h1>API</h1>}>
      <p className="muted">
        What programs can ask of this server. <em>Execute</em> really does it, as {user.name}.
      </p>
      <Loaded query={swagger} waiting={<Skeleton height="20rem" />}>
        {({ Swagger }) => <Swagger />}
      </Loaded>
    </Page>
  );
}
