# Two stages: the first builds the wheel and installs it with its pinned dependencies, the second only runs it.
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY requirements/ requirements/
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --require-hashes -r requirements/build.lock -r requirements/container.lock
COPY pyproject.toml README.md LICENSE ./
COPY service/ service/
COPY prompts/ prompts/
COPY rubrics/ rubrics/
COPY evals/ evals/
RUN /venv/bin/pip wheel --no-cache-dir --no-build-isolation --no-deps --wheel-dir /wheel . \
 && /venv/bin/pip install --no-cache-dir --no-deps /wheel/*.whl

FROM python:3.11-slim-bookworm
RUN useradd --create-home --uid 10001 grader && install -d -o grader /data
COPY --from=build /venv /venv
USER 10001
ENV PATH=/venv/bin:$PATH GRADER_DATA_DIR=/data GRADER_HOST=0.0.0.0 GRADER_PORT=8000 GRADER_LOG_FORMAT=json
VOLUME /data
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
  CMD ["python", "-c", "import urllib.request as u; u.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["interview-grader"]
CMD ["serve"]
