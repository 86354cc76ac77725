"""Lists the plugins, page by page, and shows how a refusal reads. FERRULE_URL, FERRULE_CA, FERRULE_TOKEN."""

import os
import ssl

from ferrule_sdk import AuthenticatedClient
from ferrule_sdk.api.plugin import plugin_get, plugin_list
from ferrule_sdk.models import PluginListAnswer, Problem


def main() -> None:
    """Go through the pages until there is no next one."""
    trust = ssl.create_default_context(cafile=os.environ["FERRULE_CA"])
    with AuthenticatedClient(
        base_url=os.environ["FERRULE_URL"], token=os.environ["FERRULE_TOKEN"], verify_ssl=trust
    ) as client:
        page, more = 1, True
        while more:
            answer = plugin_list.sync(client=client, pagenumber=page, pagesize=2, sort="name")
            if not isinstance(answer, PluginListAnswer):
                raise SystemExit(f"refused: {answer}")
            for plugin in answer.data:
                print(plugin.id, plugin.attributes.version)
            more = bool(answer.links) and "next" in answer.links
            page += 1
        refused = plugin_get.sync(client=client, plugin_id="no-such-plugin")
        if isinstance(refused, Problem):
            print(refused.status, refused.errors[0].code, refused.detail)


main()
