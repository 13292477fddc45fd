# syntax=docker/dockerfile:1
# The production image: the Azure Functions host with the functions in its isolated worker.

FROM mcr.microsoft.com/dotnet/sdk:10.0 AS build
ENV AzureFunctions=true
WORKDIR /source

# Project files first, so that a change of code does not restore the packages again.
COPY global.json Directory.Build.props Directory.Packages.props ./
COPY src/Core/Core.csproj src/Core/
COPY src/Service/Service.csproj src/Service/
COPY src/Functions/Functions.csproj src/Functions/
RUN dotnet restore src/Functions

COPY .editorconfig host.json ./
COPY db/ db/
COPY docs/openapi.json docs/errors.md docs/
COPY src/ src/
RUN dotnet publish src/Functions --configuration Release --no-restore --output /app

FROM mcr.microsoft.com/azure-functions/dotnet-isolated:4-dotnet-isolated10.0
COPY --from=build /app /home/site/wwwroot

# The host does not read PORT. Its console log is off unless asked for. It resolves %PROCESS_QUEUE_SCHEDULE% from its
# own environment, so the default has to be here. HOME is a folder that the user can write to.
ENV AzureWebJobsScriptRoot=/home/site/wwwroot \
    FUNCTIONS_WORKER_RUNTIME=dotnet-isolated \
    AzureFunctionsJobHost__Logging__Console__IsEnabled=true \
    AzureWebJobsDisableHomepage=true \
    ASPNETCORE_URLS=http://+:8080 \
    PROCESS_QUEUE_SCHEDULE="*/30 * * * * *" \
    HOME=/tmp

# The numeric id of the .NET images' own user "app"; a number, so that runAsNonRoot can be checked without a name.
USER 1654
EXPOSE 8080

# The image has no curl; bash speaks TCP. Healthy is an answer of 200 within the time-out, so a lost database shows.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/8080 && printf 'GET /health HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && read -r line <&3 && [[ $line == *' 200 '* ]]"]

# The host binary itself and not the image's start script, which would keep SIGTERM from it.
ENTRYPOINT ["/azure-functions-host/Microsoft.Azure.WebJobs.Script.WebHost"]
