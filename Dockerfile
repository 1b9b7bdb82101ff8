# docker build --tag cloudify .
# docker run --publish 9000:9000 cloudify                                        the demo's files
# docker run --publish 9000:9000 --volume "$PWD/archive:/data:ro" cloudify       your own
FROM python:3.13-slim

RUN useradd --create-home --uid 1000 cloudify

WORKDIR /src
COPY install.sh constraints.txt pyproject.toml README.md LICENSE ./
COPY cloudify cloudify
RUN --mount=type=cache,target=/var/cache/pip PIP_CACHE_DIR=/var/cache/pip sh install.sh --prefix /opt/cloudify
COPY cloudify/demo /data

ENV PATH=/opt/cloudify/bin:$PATH
ENV CLOUDIFY_HOST=0.0.0.0 CLOUDIFY_PORT=9000
USER 1000:1000
WORKDIR /home/cloudify
EXPOSE 9000
HEALTHCHECK --interval=30s --timeout=5s --start-period=30s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f'http://127.0.0.1:{os.environ[\"CLOUDIFY_PORT\"]}/health')"]
ENTRYPOINT ["cloudify", "serve"]
CMD ["/data"]
