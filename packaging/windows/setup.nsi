; Installs shoal for the person who runs it, and asks no administrator. It is compiled by
; the packaging program, which says what VERSION it is, FROM where the files are taken and
; whether there is a WINDOW.
;
; /S installs without a question. /AUTOSTART=1 (with a window) starts shoal at every login.

Unicode true
Target amd64-unicode
SetCompressor /SOLID lzma
ManifestDPIAware true
ManifestSupportedOS Win10
RequestExecutionLevel user
Name "Shoal"
OutFile "${OUT}"
InstallDir "$LOCALAPPDATA\Programs\Shoal"
InstallDirRegKey HKCU "Software\Shoal" "Installed"
BrandingText "Shoal ${VERSION}"
Icon "${FROM}/shoal.ico"
UninstallIcon "${FROM}/shoal.ico"
LicenseText "Shoal is free software. You may use, share and change it." "Next >"
LicenseData "${FROM}/LICENSE.txt"
LicenseForceSelection off
ComponentText "Shoal keeps folders the same on all your devices. What should Windows do with it?"

VIProductVersion "${NUMBERS}"
VIAddVersionKey "ProductName" "Shoal"
VIAddVersionKey "CompanyName" "The Shoal authors"
VIAddVersionKey "FileDescription" "Installs Shoal"
VIAddVersionKey "FileVersion" "${VERSION}"
VIAddVersionKey "ProductVersion" "${VERSION}"
VIAddVersionKey "LegalCopyright" "Copyright 2026 the Shoal authors, Apache-2.0"

!ifdef SIGNER
	!uninstfinalize '"${SIGNER}" "%1"' = 0
!endif

!include "FileFunc.nsh"
!include "LogicLib.nsh"

!define LISTED "Software\Microsoft\Windows\CurrentVersion\Uninstall\Shoal"
!define STARTED "Software\Microsoft\Windows\CurrentVersion\Run"
!define FOUND "Software\Microsoft\Windows\CurrentVersion\App Paths\shoal.exe"
!ifdef WINDOW
	!define MAIN "shoal-window.exe"
!else
	!define MAIN "shoal.exe"
!endif

Page license
Page components
Page directory
Page instfiles
UninstPage uninstConfirm
UninstPage instfiles

UninstallText "Shoal will be removed. Your folders, what is in them, and this device's keys stay where they are."

; Ends the agent, so that its program can be replaced. That none runs is no mistake.
!macro EndAgent
	${If} ${FileExists} "$INSTDIR\shoal.exe"
		DetailPrint "Ending Shoal, if it runs"
		nsExec::Exec '"$INSTDIR\shoal.exe" stop'
		Pop $0
	${EndIf}
!macroend

Section "Shoal" Program
	SectionIn RO
	!insertmacro EndAgent
	SetOutPath "$INSTDIR"
	; What runs can be renamed but not replaced: a window that is open goes on until it is closed.
	Delete "$INSTDIR\shoal.exe.old"
	Delete "$INSTDIR\${MAIN}.old"
	Rename "$INSTDIR\shoal.exe" "$INSTDIR\shoal.exe.old"
!ifdef WINDOW
	Rename "$INSTDIR\${MAIN}" "$INSTDIR\${MAIN}.old"
	File "${FROM}/shoal-window.exe"
!endif
	ClearErrors
	File "${FROM}/shoal.exe"
	File "${FROM}/shoal.ico"
	File "${FROM}/LICENSE.txt"
	File "${FROM}/THIRD-PARTY.txt"
	File "${FROM}/README.md"
	File "${FROM}/CHANGELOG.md"
	File "${FROM}/firewall.md"
	Delete "$INSTDIR\shoal.exe.old"
	Delete "$INSTDIR\${MAIN}.old"
	WriteUninstaller "$INSTDIR\uninstall.exe"
	WriteRegStr HKCU "Software\Shoal" "Installed" "$INSTDIR"
	WriteRegStr HKCU "${FOUND}" "" "$INSTDIR\shoal.exe"
	WriteRegStr HKCU "${LISTED}" "DisplayName" "Shoal"
	WriteRegStr HKCU "${LISTED}" "DisplayVersion" "${VERSION}"
	WriteRegStr HKCU "${LISTED}" "Publisher" "The Shoal authors"
	WriteRegStr HKCU "${LISTED}" "DisplayIcon" "$INSTDIR\shoal.ico"
	WriteRegStr HKCU "${LISTED}" "InstallLocation" "$INSTDIR"
	WriteRegStr HKCU "${LISTED}" "UninstallString" '"$INSTDIR\uninstall.exe"'
	WriteRegStr HKCU "${LISTED}" "QuietUninstallString" '"$INSTDIR\uninstall.exe" /S'
	WriteRegDWORD HKCU "${LISTED}" "NoModify" 1
	WriteRegDWORD HKCU "${LISTED}" "NoRepair" 1
	WriteRegDWORD HKCU "${LISTED}" "EstimatedSize" ${SIZE}
	DetailPrint "Windows will ask once whether other devices may call Shoal: say yes for private networks."
	DetailPrint "firewall.md tells how to let them in later."
SectionEnd

Section "In the start menu" Menu
!ifdef WINDOW
	CreateShortCut "$SMPROGRAMS\Shoal.lnk" "$INSTDIR\${MAIN}"
!else
	; Without a window it is run in a console, which this opens where the program is.
	CreateShortCut "$SMPROGRAMS\Shoal.lnk" "$SYSDIR\cmd.exe" '/k ""$INSTDIR\shoal.exe" help"' "$INSTDIR\shoal.ico"
!endif
SectionEnd

!ifdef WINDOW
Section /o "Start when I log in" Autostart
	nsExec::Exec '"$INSTDIR\${MAIN}" config set autostart on'
	Pop $0
	${If} $0 != 0
		DetailPrint "Shoal could not be set to start when you log in; its settings page can."
	${EndIf}
SectionEnd
!endif

Function .onInit
!ifdef WINDOW
	ReadRegStr $0 HKCU "${STARTED}" "app.shoal.Shoal"
	${GetParameters} $1
	${GetOptions} $1 "/AUTOSTART=" $2
	${If} $0 != ""
	${OrIf} $2 == "1"
		SectionSetFlags ${Autostart} 1
	${EndIf}
!endif
FunctionEnd

Section "Uninstall"
	!insertmacro EndAgent
	DeleteRegValue HKCU "${STARTED}" "app.shoal.Shoal"
	DeleteRegKey HKCU "${LISTED}"
	DeleteRegKey HKCU "${FOUND}"
	DeleteRegKey HKCU "Software\Shoal"
	Delete "$SMPROGRAMS\Shoal.lnk"
	; Only what was installed goes, by name: somebody may keep other things there.
	Delete "$INSTDIR\shoal.exe"
	Delete "$INSTDIR\shoal-window.exe"
	Delete "$INSTDIR\shoal.exe.old"
	Delete "$INSTDIR\shoal-window.exe.old"
	; What `shoal update` leaves when a program that was replaced still ran, or did not come up.
	Delete "$INSTDIR\shoal.exe.old.older"
	Delete "$INSTDIR\shoal-window.exe.old.older"
	Delete "$INSTDIR\shoal.exe.failed"
	Delete "$INSTDIR\shoal-window.exe.failed"
	Delete "$INSTDIR\shoal.ico"
	Delete "$INSTDIR\LICENSE.txt"
	Delete "$INSTDIR\THIRD-PARTY.txt"
	Delete "$INSTDIR\README.md"
	Delete "$INSTDIR\CHANGELOG.md"
	Delete "$INSTDIR\firewall.md"
	Delete "$INSTDIR\uninstall.exe"
	RMDir "$INSTDIR"
	DetailPrint "Folders that Shoal kept are untouched, with their .shoal directories."
	DetailPrint "This device's keys and index stay in $APPDATA\shoal, for a later installation."
	MessageBox MB_OK|MB_ICONINFORMATION "Shoal is removed. Folders it kept are untouched, with their .shoal directories.$\r$\n$\r$\nThis device's keys and index stay in $APPDATA\shoal, for a later installation. If you delete them, this device is a stranger to your other devices." /SD IDOK
SectionEnd
