"""The rehearsal's server with a door to what its CodePipeline alone may do: start builds with inputs.

Through it a project may also be given what the API would refuse: less time than five minutes.
"""

import asyncio
import json
import sys

from plumbline.rehearsal import codebuild, control, server

PATH = "/_test/pipeline-build"


def with_door(application: control.Application, *, token: str) -> control.Application:
    inner = control.with_control(application, token=token)

    # they import the emulator, which reads the environment that the server prepares
    from plumbline.rehearsal.codebuild import registration
    from plumbline.rehearsal.codebuild.projects import Scope

    async def served(scope: control.Message, receive: control.Receive, send: control.Send) -> None:
        if scope["type"] != "http" or scope["path"] != PATH:
            await inner(scope, receive, send)
            return
        request = json.loads(await control._body(receive))
        project, settings = request["project"], request.pop("settings")
        where = Scope(account=request["account"], region=request["region"])
        registration.service().projects.update(where, {"name": project, **settings})
        for side in ("inputs", "outputs"):
            request[side] = [codebuild.ArtifactObject(**one) for one in request[side]]
        try:
            build_id = await asyncio.to_thread(lambda: codebuild.start_pipeline_build(**request))
        except codebuild.ApiError as error:
            await control._answer(send, error.status, {"code": error.code, "message": error.message})
            return
        await control._answer(send, 200, {"id": build_id})

    return served


if __name__ == "__main__":
    vars(server)["with_control"] = with_door
    sys.exit(server.main())
